import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { backplane, folder, serve } from './server.ts';

const files = { 'puppet.ts': puppet };

/** Ids of the processes whose parent is this one. */
function children(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child as number);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.each(['inline', 'thread', 'process'])('a server with an instance in %s', (isolation) => {
  test('lets a stream finish after SIGTERM, refuses new calls with 503, and exits 0', async () => {
    const server = await serve(puppetConfig(`isolation: ${isolation}`, '{ slots: 2 }'), { files });
    let refused: Promise<Response> | undefined;
    const answer = await stream(
      server.url,
      'count 100',
      {},
      {
        onData: (body) => {
          if (!body.includes('"3 "') || refused) return;
          server.signal('SIGTERM');
          refused = server.line(({ msg }) => /^stopping/.test(msg)).then(() => chat(server.url, 'say x'));
        },
      },
    );
    expect(answer).toMatchObject({ done: true, whole: true });
    const no = await (refused as unknown as Promise<Response>);
    expect(no.status).toBe(503);
    expect(no.headers.get('retry-after')).toBe('5');
    expect(await no.json()).toMatchObject({ error: { code: 'shutting_down' } });
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('ends what outlasts the grace period with an error event, and exits 0', async () => {
    const server = await serve(puppetConfig(`isolation: ${isolation}`, '{}', 'shutdown_grace: 200ms'), { files });
    let told = false;
    const answer = await stream(
      server.url,
      'count 100000',
      {},
      {
        onData: () => {
          if (!told) server.signal('SIGINT');
          told = true;
        },
      },
    );
    expect(answer).toMatchObject({ done: false, whole: false, error: { code: 'shutting_down' } });
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  test('exits at once on the second signal', async () => {
    const server = await serve(puppetConfig(`isolation: ${isolation}`), { files });
    const cut = stream(server.url, 'count 100000', {}, { onData: () => server.signal('SIGTERM') });
    await server.line(({ msg }) => /^stopping/.test(msg));
    server.signal('SIGTERM');
    expect(await server.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await cut).toMatchObject({ done: false, whole: false });
  });
});

test('no process of an instance outlives a server that was killed', async () => {
  const server = await serve(puppetConfig('isolation: process\ninstances: 2'), { files });
  const engines = children(server.pid);
  expect(engines).toHaveLength(2);
  server.signal('SIGKILL');
  await server.exited;
  while (engines.some(alive)) await new Promise((resolve) => setTimeout(resolve, 20));
});

test('a Ctrl-C that reaches the whole process group still lets a stream finish', async () => {
  const server = await serve(puppetConfig('isolation: process'), { files });
  const answer = await stream(
    server.url,
    'count 60',
    {},
    {
      onData: (body) => {
        if (!body.includes('"3 "') || body.includes('"4 "')) return;
        for (const pid of [...children(server.pid), server.pid]) process.kill(pid, 'SIGINT');
      },
    },
  );
  expect(answer).toMatchObject({ done: true, whole: true });
  expect(await server.exited).toEqual({ code: 0, signal: null });
});

test('a busy port is a sentence and exit code 1', async () => {
  const server = await serve('plugins: []');
  const { port } = new URL(server.url);
  const directory = await folder({ 'config.yaml': `server: { port: ${port} }` });
  const second = await backplane(['serve', `${directory}/config.yaml`]);
  expect(second.code).toBe(1);
  expect(second.stderr).toBe(
    `Port ${port} on 127.0.0.1 is in use: stop what listens there, or set another server.port.\n`,
  );
  await server.stop();
});

test('the first line says what is served where, with a curl line that works', async () => {
  const server = await serve(puppetConfig('isolation: inline'), { files });
  const [first] = server.lines;
  expect(first?.msg).toBe(`Backplane serves m on ${server.url}/v1`);
  const out = execFileSync('bash', ['-c', String(first?.try)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  expect(out).toContain('data: [DONE]');
  await server.stop();
});
