import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { BenchResult } from '../core/src/commands/bench/result.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { backplane, type RunningServer, serve } from './server.ts';

/** The key of `servePuppet`. */
export const key = 'canary-key-5f1c';

const plugins = `plugins:
  - ./puppet.ts
  - use: "@backplane/auth"
    config:
      schemes:
        - { keys: [{ name: ops, key: "\${OPS_KEY}" }] }
        - { header: X-API-Key, keys: [{ name: alone, key: "\${OPS_KEY}" }] }
        - { header: X-API-Key, prefix: ApiKey, keys: [{ name: prefixed, key: "\${OPS_KEY}" }] }`;

/** A puppet behind a key, in all the headers of the SE7 box's example. */
export function servePuppet(): Promise<RunningServer> {
  const config = puppetConfig('isolation: inline', '{ slots: 8 }', 'host: 0.0.0.0');
  return serve(config.replace('plugins: [./puppet.ts]', plugins), {
    files: { 'puppet.ts': puppet },
    env: { OPS_KEY: key },
    headers: { authorization: `Bearer ${key}` },
  });
}

/** Runs `backplane bench`, with the key in API_KEY unless `env` says otherwise. */
export function bench(url: string, args: readonly string[], env: Readonly<Record<string, string>> = { API_KEY: key }) {
  return backplane(['bench', '--url', url, ...args], { env: { API_KEY: '', ...env } });
}

/** Runs it with --json. */
export async function measured(url: string, args: readonly string[]) {
  const { code, stdout, stderr } = await bench(url, ['--json', ...args]);
  expect(stderr).toBe('');
  return { code, result: JSON.parse(stdout) as BenchResult };
}

/** A server that answers every chat so, for one test; returns its URL. */
export async function answering(answer: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') response.end('{"data":[{"id":"its"}]}');
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
