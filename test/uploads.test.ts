import { Agent, request } from 'node:http';
import { setTimeout as passed } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { puppet } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

/** A form whose model comes first, and a file of so many bytes. */
function form(model: string, bytes: number): Buffer {
  return Buffer.concat([
    Buffer.from(`--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`),
    Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'),
    Buffer.alloc(bytes, 'x'),
    Buffer.from('\r\n--b--\r\n'),
  ]);
}

/** Uploads it in two parts, the second when the first has surely been read; the status of the answer. */
function upload(agent: Agent, url: string, path: string, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': body.length };
    const sent = request(url + path, { method: 'POST', agent, headers, timeout: 5_000 }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode as number));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', reject);
    sent.write(body.subarray(0, 500));
    void passed(50).then(() => sent.end(body.subarray(500)));
  });
}

describe.each(['/v1/audio/transcriptions', '/v1/media/describe'])('an upload to %s', (path) => {
  let server: RunningServer;
  let agent: Agent;
  beforeAll(async () => {
    server = await serve(
      `
server: { port: 0 }
plugins: [./puppet.ts]
models: [{ id: m, backend: puppet }]
`,
      { files: { 'puppet.ts': puppet } },
    );
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterAll(async () => {
    agent.destroy();
    await server.stop();
  });

  test('that is refused before it was read leaves its connection to the next request', async () => {
    for (const bytes of [10, 70_000, 1_000_000, 10]) {
      expect(await upload(agent, server.url, path, form('nobody', bytes))).toBe(404);
    }
  });
});
