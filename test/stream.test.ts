import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

describe.each(['inline', 'thread', 'process'])('a stream from an instance in %s', (isolation) => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serve(puppetConfig(`isolation: ${isolation}\ntimeout: 3s`, '{ slots: 8 }', 'keep_alive: 100ms'), {
      files: { 'puppet.ts': puppet },
    });
  });
  afterAll(() => server.stop());

  test('ends a whole answer with its finish reason and [DONE]', async () => {
    const answer = await stream(server.url, 'say one two');
    expect(answer).toMatchObject({ status: 200, text: 'one two ', done: true, whole: true, error: undefined });
    expect(answer.events.at(-1)?.choices?.[0]?.finish_reason).toBe('stop');
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });

  test('ends an answer that broke off with an error event, without [DONE], on a cut connection', async () => {
    const answer = await stream(server.url, 'end');
    expect(answer).toMatchObject({ status: 200, text: 'half an answer', done: false, whole: false });
    expect(answer.error).toMatchObject({ code: 'backend_failed' });
    expect(answer.error?.message).toContain('instance 0 of m ended its answer without saying why');
  });

  test('answers a failure before the first output with its status, not with a stream', async () => {
    const answer = await stream(server.url, 'fail queue_full come back later');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('7');
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'queue_full', message: 'come back later' } });
  });

  test('fills a long silence with comments', async () => {
    const answer = await stream(server.url, 'late 500');
    expect(answer.body).toMatch(/^: keep-alive\n\n/);
    expect(answer).toMatchObject({ done: true, whole: true });
  });

  test('says that the deadline passed', async () => {
    const late = await stream(server.url, 'count 100000');
    expect(late.error).toMatchObject({ code: 'timeout', message: 'm did not finish within 3 s.' });
    expect(late.done).toBe(false);
    const plain = await chat(server.url, 'mute');
    expect(plain.status).toBe(504);
  });

  test('stops the engine when the client hangs up', async () => {
    await stream(server.url, 'count 100000', {}, { onData: (body, hangUp) => body.includes('"3 "') && hangUp() });
    const hungUp = Date.now();
    const stopped = await server.line(({ msg }) => msg === 'puppet stopped');
    const settled = await server.line(({ outcome }) => outcome === 'cancelled');
    expect(Date.now() - hungUp).toBeLessThan(1_000);
    expect(stopped.made).toBeLessThan(1_000);
    expect(settled).toMatchObject({ status: 499, model: 'm', instance: 0 });
  });

  test('makes no more than a reader takes', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'flood 200000' }] });
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const made = async () => Number(await readFile(`${server.directory}/made`, 'utf8'));
    let before = -1;
    for (let now = await made(); now !== before; now = await made()) {
      before = now;
      await sleep(300);
    }
    // 200,000 pieces of 1 kB would be 200 MB: what is made fits the buffers of two sockets.
    expect(before).toBeLessThan(50_000);
    socket.destroy();
  });
});
