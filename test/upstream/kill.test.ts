import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { chat, dataOf, verdict } from './wire.ts';

const kills = 50;
const program = new URL('replica.ts', import.meta.url).pathname;
const whole = Array.from({ length: 20 }, (_, i) => `word${i} `).join('');

/** A replica that is started again, on the same port, each time it is killed. */
class Replica {
  #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<Replica> {
    const [child, port] = await launch(0);
    return new Replica(child, port);
  }

  /** Resolves when it is there again. */
  async killAndRestart(): Promise<void> {
    await this.stop();
    [this.#child] = await launch(this.port);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

async function launch(port: number): Promise<readonly [ChildProcess, number]> {
  const child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return [child, Number(line)];
}

let replicas: readonly Replica[];
let proxy: RunningServer;
beforeAll(async () => {
  replicas = await Promise.all([Replica.start(), Replica.start(), Replica.start()]);
  const hosts = replicas.map(({ port }) => `{ url: "http://127.0.0.1:${port}" }`).join(', ');
  const options = `options: { upstreams: [${hosts}], probe: { interval: 500ms } } }`;
  proxy = await serve(`plugins: ["@backplane/vllm-proxy", "@backplane/metrics"]
models:
  - { id: m, backend: vllm, ${options}
  - { id: separate, backend: vllm, reasoning: separate, ${options}`);
});
afterAll(async () => {
  await proxy.stop();
  await Promise.all(replicas.map((replica) => replica.stop()));
});

/** Calls that each upstream works on now, by its place. */
async function running(): Promise<readonly number[]> {
  const metrics = await (await fetch(`${proxy.url}/metrics`)).text();
  const sums = replicas.map(() => 0);
  for (const [, upstream, value] of metrics.matchAll(
    /_upstream_requests_running\{[^}]*upstream="(\d+)"[^}]*\} (\d+)/g,
  )) {
    sums[Number(upstream) - 1] = (sums[Number(upstream) - 1] ?? 0) + Number(value);
  }
  return sums;
}

test('fifty kills of the busiest upstream fail no call whose client had been told nothing', async () => {
  let over = false;
  const counts = { whole: 0, cut: 0 };
  const failed: string[] = [];
  let answered = Promise.withResolvers<void>();
  const load = async (model: string, stream: boolean): Promise<void> => {
    while (!over) {
      const answer = await chat(proxy.url, model, 'go', { stream });
      const seen = verdict(answer);
      if (seen === 'failed' && answer.status !== 200) failed.push(answer.body);
      // A head without any output is not output.
      else if (seen === 'failed' && !answer.body.includes('word0')) failed.push(`empty: ${answer.body}`);
      else if (seen === 'failed') counts.cut++;
      else {
        counts.whole++;
        answered.resolve();
        answered = Promise.withResolvers();
        expect(contentOf(answer.body)).toBe(whole);
      }
    }
  };
  const clients = [
    ...Array.from({ length: 10 }, () => load('m', true)),
    ...Array.from({ length: 5 }, () => load('separate', true)),
    ...Array.from({ length: 5 }, () => plainLoad('m')),
    ...Array.from({ length: 5 }, () => plainLoad('separate')),
  ];
  async function plainLoad(model: string): Promise<void> {
    while (!over) {
      const { status, body } = await chat(proxy.url, model, 'go');
      if (status !== 200) failed.push(body);
      // Decoded here, the upstream's output may have begun before it died: none of that is in the answer.
      else expect(JSON.parse(body).choices[0].message.content).toBe(whole);
    }
  }
  let most = 0;
  for (let kill = 0; kill < kills; kill++) {
    const before = counts.whole;
    while (counts.whole < before + 40) await answered.promise;
    const busy = await running();
    most = Math.max(most, ...busy);
    await replicas[busy.indexOf(Math.max(...busy))]?.killAndRestart();
  }
  over = true;
  await Promise.all(clients);
  expect(failed).toEqual([]);
  expect(most).toBeGreaterThan(5);
  expect(counts.cut).toBeGreaterThan(0);
  expect(counts.whole).toBeGreaterThan(100);
}, 90_000);

function contentOf(body: string): string {
  return dataOf(body)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data).choices?.[0]?.delta?.content ?? '')
    .join('');
}
