import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { standIn } from '../../plugins/sophon-tpu/test/native/setup.ts';
import { echoFolder } from '../../plugins/sophon-tpu/test/stand-in/qwen.ts';
import { type RunningServer, type ServeOptions, serve } from '../server.ts';

/** Backplane on the stand-in libraries, which fail on request, with a model that repeats its prompt's last token. */
export async function serveEcho(instances: number, options: ServeOptions & { readonly orders?: string } = {}) {
  const folder = await echoFolder();
  onTestFinished(() => folder.remove());
  const control = join(folder.path, 'control');
  const order = (...orders: readonly string[]) => writeFile(control, orders.join('\n'));
  await order(options.orders ?? '');
  const restart = 'restart: { backoff: 20ms, max_backoff: 100ms, limit: 100 }';
  const model = `{ model_dir: ${folder.path}, libraries: ${standIn()} }`;
  const config = `plugins: ["@backplane/sophon-tpu", "@backplane/metrics"]\nlog: { level: debug }\nmodels:\n  - { id: echo, backend: sophon, instances: ${instances}, ${restart}, options: ${model} }\n`;
  const report = join(folder.path, 'report');
  const env = { STAND_IN_CONTROL: control, STAND_IN_REPORT: report };
  const server = await serve(config, { ...options, env });
  // For a test that failed before it ended its server.
  onTestFinished(() => void server.stop());
  return { server, order, control, report };
}

export function ask(server: RunningServer, more: object = {}, signal?: AbortSignal): Promise<Response> {
  const body = { model: 'echo', messages: [{ role: 'user', content: 'hi' }], max_tokens: 3, ...more };
  return fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

export async function answer(server: RunningServer): Promise<string> {
  const reply = (await (await ask(server)).json()) as { choices: [{ message: { content: string } }] };
  expect(reply).not.toHaveProperty('error');
  return reply.choices[0].message.content;
}

/** Resolves when the instance has gone through these states, in this order. */
export async function went(server: RunningServer, ...states: readonly string[]): Promise<void> {
  await server.line(() => {
    let at = 0;
    for (const { state } of server.lines) if (state === states[at]) at++;
    return at === states.length;
  });
}

/** The stand-in ends the process with 255 where a handle, a runtime or memory was left. */
export async function endsClean(server: RunningServer): Promise<void> {
  expect(await server.stop()).toEqual({ code: 0, signal: null });
}
