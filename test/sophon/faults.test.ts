import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { describeNative, standIn } from '../../plugins/sophon-tpu/test/native/setup.ts';
import { echoFolder } from '../../plugins/sophon-tpu/test/stand-in/qwen.ts';
import { type RunningServer, serve } from '../server.ts';

/** Backplane on the stand-in libraries, which fail on request, with a model that repeats its prompt's last token. */
async function serveEcho(instances: number) {
  const folder = await echoFolder();
  onTestFinished(() => folder.remove());
  const control = join(folder.path, 'control');
  const order = (...orders: readonly string[]) => writeFile(control, orders.join('\n'));
  await order();
  const restart = 'restart: { backoff: 20ms, max_backoff: 100ms, limit: 100 }';
  const options = `{ model_dir: ${folder.path}, libraries: ${standIn()} }`;
  const config = `plugins: ["@backplane/sophon-tpu"]\nlog: { level: debug }\nmodels:\n  - { id: echo, backend: sophon, instances: ${instances}, ${restart}, options: ${options} }\n`;
  const report = join(folder.path, 'report');
  const server = await serve(config, { env: { STAND_IN_CONTROL: control, STAND_IN_REPORT: report } });
  return { server, order, control, report };
}

function ask(server: RunningServer, more: object = {}, signal?: AbortSignal): Promise<Response> {
  const body = { model: 'echo', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3, ...more };
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function answer(server: RunningServer): Promise<string> {
  const reply = (await (await ask(server)).json()) as { choices: [{ message: { content: string } }] };
  expect(reply).not.toHaveProperty('error');
  return reply.choices[0].message.content;
}

/** Resolves when the instance has gone through these states, in this order. */
async function went(server: RunningServer, ...states: readonly string[]): Promise<void> {
  await server.line(() => {
    let at = 0;
    for (const { state } of server.lines) if (state === states[at]) at++;
    return at === states.length;
  });
}

/** The stand-in ends the process with 255 where a handle, a runtime or memory was left. */
async function endsClean(server: RunningServer): Promise<void> {
  expect(await server.stop()).toEqual({ code: 0, signal: null });
}

describeNative('a chip that fails', () => {
  test('fails the call with a sentence, and its instance is opened again and answers', async () => {
    const { server, order } = await serveEcho(1);
    expect(await answer(server)).toBe('\n\n\n');
    await order('fail bmrt_launch_tensor_ex@block_1 false 1');
    const response = await ask(server);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      error: { code: 'backend_failed', message: expect.stringMatching(/^instance 0 of echo failed: .*block_1/) },
    });
    await went(server, 'ready', 'failed', 'loading', 'ready');
    expect(await answer(server)).toBe('\n\n\n');
    await endsClean(server);
  });

  test('costs a call nothing where another instance is there: it answers instead', async () => {
    const { server, order } = await serveEcho(2);
    await went(server, 'ready', 'ready');
    await order('fail bmrt_launch_tensor_ex@block_1 throw 1');
    expect(await answer(server)).toBe('\n\n\n');
    await went(server, 'failed', 'loading', 'ready');
    await endsClean(server);
  });

  test('and is lost is opened again and again, until it is back', async () => {
    const { server, order } = await serveEcho(1);
    await order('lost');
    expect((await ask(server)).status).toBe(502);
    await went(server, 'failed', 'loading', 'failed', 'loading', 'failed');
    const reasons = server.lines.flatMap(({ state, reason }) => (state === 'failed' ? [String(reason)] : []));
    expect(reasons.at(-1)).toMatch(/^Opening device 0 failed: .* it starts again in /);
    await order();
    await went(server, 'failed', 'loading', 'ready');
    expect(await answer(server)).toBe('\n\n\n');
    await endsClean(server);
  });

  test('computes no further layer of a prompt whose client has gone', async () => {
    const { server, order, control, report } = await serveEcho(1);
    await order('hold bmrt_launch_tensor_ex@block_0');
    const controller = new AbortController();
    const asked = ask(server, {}, controller.signal);
    await expect.poll(() => existsSync(`${control}.held`), { timeout: 20_000 }).toBe(true);
    controller.abort();
    await expect(asked).rejects.toThrow();
    // The server has seen the end of that connection when it answers on later ones.
    for (let at = 0; at < 3; at++) await fetch(`${server.url}/health`);
    await order();
    await server.line(({ status }) => status === 499);
    await endsClean(server);
    const { launches } = JSON.parse(await readFile(report, 'utf8')) as { launches: string[] };
    expect(launches).toEqual(['0:embedding', '0:block_0']);
  });
});
