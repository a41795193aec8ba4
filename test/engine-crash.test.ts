import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from './chat.ts';
import { writeScriptedGguf } from './scripted/model.ts';
import { folder, type RunningServer, serve } from './server.ts';

let directory: string;
let server: RunningServer;
beforeAll(async () => {
  directory = await folder({});
  // It would talk until its context is full: long enough to be killed in mid-sentence.
  await writeScriptedGguf(join(directory, 'endless.gguf'), { loop: true, contextLength: 32_768 });
  const options = `{ path: ${join(directory, 'endless.gguf')}, context_size: 32768, slots: 1 }`;
  server = await serve(
    `plugins: ["@backplane/llamacpp"]\nmodels:\n  - { id: m, backend: llamacpp, instances: 2, reasoning: raw, options: ${options} }\n`,
  );
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

interface Health {
  readonly status: string;
  readonly models: { readonly m: { readonly instances: readonly { readonly state: string; readonly busy: number }[] } };
}
const health = async () => (await (await fetch(`${server.url}/health`)).json()) as Health;

/** The process that runs an instance of the model, by its title. */
function engine(instance: number): number {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const line = table.find((row) => row.includes(` ${server.pid} `) && row.includes(`backplane m#${instance}`));
  return Number(line?.trim().split(/\s+/)[0]);
}

test('an engine process that is killed in mid-stream ends its stream visibly, and nothing else', async () => {
  let begun = 0;
  const begins = Promise.withResolvers<void>();
  const more = { max_tokens: 6_000 };
  const watch = () => {
    let counted = false;
    return {
      onData: (body: string) => {
        if (!counted && body.includes('worker') && ++begun === 2) begins.resolve();
        counted ||= body.includes('worker');
      },
    };
  };
  const streams = [stream(server.url, 'go', more, watch()), stream(server.url, 'go', more, watch())];
  await begins.promise;
  expect((await health()).models.m.instances.map(({ busy }) => busy)).toEqual([1, 1]);

  process.kill(engine(0), 'SIGKILL');
  await server.line(({ instance, state }) => instance === 0 && state === 'failed');
  const during = await health();
  expect(during.status).toBe('degraded');
  expect(during.models.m.instances[1]?.state).toBe('ready');

  const ends = await Promise.all(streams);
  const cut = ends.filter(({ done }) => !done);
  expect(cut).toHaveLength(1);
  expect(cut[0]).toMatchObject({ status: 200, whole: false, error: { code: 'backend_failed' } });
  expect(cut[0]?.error?.message).toBe('instance 0 of m failed: its process was killed by SIGKILL');
  const whole = ends.find(({ done }) => done);
  expect(whole).toMatchObject({ whole: true, error: undefined });
  expect(whole?.events.at(-1)?.choices?.[0]?.finish_reason).toBe('length');

  while ((await health()).status !== 'ok');
  const after = await Promise.all([
    stream(server.url, 'go', { max_tokens: 5 }),
    stream(server.url, 'go', { max_tokens: 5 }),
  ]);
  expect(after.map(({ done }) => done)).toEqual([true, true]);
});
