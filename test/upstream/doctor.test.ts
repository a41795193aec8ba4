import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backplane, folder } from '../server.ts';

/** An upstream that tells its health to anybody, and its models to one key. */
const server = createServer((request, response) => {
  const { url, headers } = request;
  if (url === '/hangs/health') return;
  const status =
    url === '/sick/health' ? 503 : url === '/v1/models' && headers.authorization !== 'Bearer sk-its-own' ? 401 : 200;
  response.writeHead(status).end('{}');
});
let origin: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test('backplane doctor says which upstreams answer, and which do not and why', async () => {
  const cwd = await folder({
    'config.yaml': `
server: { port: 0 }
plugins: ["@backplane/vllm-proxy"]
models:
  - id: m
    backend: vllm
    options:
      probe: { timeout: 200ms }
      upstreams:
        - { url: "${origin}", key: "\${ITS_KEY}" }
        - { url: "${origin}/v1", key: "\${WRONG_KEY}" }
        - { url: "${origin}" }
        - { url: "${origin}/sick" }
        - { url: "${origin}/hangs" }
        - { url: "http://127.0.0.1:1" }
`,
  });
  const env = { ITS_KEY: 'sk-its-own', WRONG_KEY: 'sk-anothers' };
  const { code, stdout } = await backplane(['doctor'], { cwd, env });
  expect(code).toBe(1);
  const said = stdout.split('\n').filter((line) => line.includes(' m: '));
  expect(said).toEqual([
    `ok       vllm-proxy: m: upstream 1, ${origin}, answers.`,
    `problem  vllm-proxy: m: upstream 2, ${origin}/v1, does not take the key it is given.`,
    `problem  vllm-proxy: m: upstream 3, ${origin}, asks for a key and is given none.`,
    `problem  vllm-proxy: m: upstream 4, ${origin}/sick, answers /health with 503.`,
    `problem  vllm-proxy: m: upstream 5, ${origin}/hangs, cannot be reached: no answer within 0.2 s.`,
    'problem  vllm-proxy: m: upstream 6, http://127.0.0.1:1, cannot be reached: ECONNREFUSED.',
  ]);
  expect(stdout).not.toMatch(/sk-/);
});
