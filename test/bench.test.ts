import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { resultOf } from '../core/src/commands/bench/result.ts';
import { answering, bench, measured, servePuppet } from './bench.ts';
import { type RunningServer, serve, tinyModel } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await servePuppet();
});
afterAll(() => server.stop());

describe('backplane bench', () => {
  test('shows how long answers took in a table, and ends with 0', async () => {
    const { code, stdout, stderr } = await bench(server.url, ['-c', '2', '-n', '5', '--prompt', 'count 20']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`5 requests for m at ${server.url}/v1, 2 at a time, 30 s each.\n`);
    expect(stdout).toMatch(/^requests +5\nok +5\nfailed +0\n\n +p50 +p90 +p99\n/m);
    for (const time of ['total time', 'first token', 'time per token']) {
      expect(stdout).toMatch(new RegExp(`^${time}( +[\\d.]+ ms){3}$`, 'm'));
    }
    expect(stdout).toMatch(/^tokens +100\ntokens\/s +[\d.]+\nrequests\/s +[\d.]+\nduration +[\d.]+ s\n$/m);
  });

  test('tells programs in JSON', async () => {
    const { code, result } = await measured(server.url, ['-n', '4', '--prompt', 'count 10']);
    expect(code).toBe(0);
    const times = { p50: expect.any(Number), p90: expect.any(Number), p99: expect.any(Number) };
    expect(result).toEqual({
      url: `${server.url}/v1`,
      model: 'm',
      concurrent: 4,
      requests: 4,
      ok: 4,
      failed: 0,
      failures: [],
      seconds: expect.any(Number),
      total_ms: times,
      first_token_ms: times,
      time_per_token_ms: times,
      tokens: 40,
      tokens_reported: true,
      tokens_per_second: expect.any(Number),
      requests_per_second: expect.any(Number),
    });
    // The puppet rests 5 ms after each of ten tokens.
    expect(result.time_per_token_ms?.p50).toBeGreaterThan(1);
    expect(result.total_ms?.p50).toBeGreaterThan(result.first_token_ms?.p50 as number);
  });

  test('asks a real engine for no more tokens than it is told, streamed or whole', async () => {
    const engine = await serve(
      `plugins: ["@backplane/llamacpp"]\nmodels:\n  - { id: tiny, backend: llamacpp, options: { path: ${tinyModel} } }\n`,
    );
    onTestFinished(async () => void (await engine.stop()));
    for (const [way, first] of [
      ['--stream', expect.any(Object)],
      ['--no-stream', null],
    ]) {
      const { code, result } = await measured(engine.url, ['-n', '3', '--max-tokens', '4', way]);
      expect(result).toMatchObject({ model: 'tiny', ok: 3, first_token_ms: first, tokens_reported: true });
      expect(result.tokens).toBeGreaterThan(0);
      expect(result.tokens).toBeLessThanOrEqual(12);
      expect(code).toBe(0);
    }
  });

  test('keeps as many requests running as it was told, and no more', async () => {
    const held: (() => void)[] = [];
    const seen: number[] = [];
    const url = await answering((_request, response) => {
      held.push(() => response.end('{"choices":[{}]}'));
      seen.push(held.length);
      // The last one is alone.
      if (held.length === 3 || seen.length === 7) for (const release of held.splice(0)) release();
    });
    const { code, result } = await measured(url, ['-c', '3', '-n', '7', '--no-stream']);
    expect(seen).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect({ code, ok: result.ok }).toEqual({ code: 0, ok: 7 });
  });

  test.each([
    'data: [DONE]\n\n',
    'data: [DONE]\n',
    'data: [DONE]',
  ])('takes a stream that ends in %j for whole', async (end) => {
    const url = await answering((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(`data: {"choices":[{"delta":{"content":"a"}}]}\n\n${end}`);
    });
    expect((await measured(url, ['-n', '1'])).result).toMatchObject({ ok: 1, tokens: 1 });
  });

  test('counts pieces where the server does not say how many tokens there are, and says so', async () => {
    const url = await answering((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(`${'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'.repeat(3)}data: [DONE]\n\n`);
    });
    const { stdout } = await bench(url, ['-n', '2']);
    expect(stdout).toMatch(/^tokens +6$/m);
    expect(stdout).toContain('The server did not say how many tokens there were: pieces were counted.');
  });
});

test('percentiles are times that were measured, of the requests that succeeded', () => {
  const good = [7, 3, 10, 1, 9, 2, 8, 4, 6, 5].map((totalMs) => ({
    totalMs,
    firstMs: undefined,
    perTokenMs: undefined,
    tokens: 2,
    counted: true,
  }));
  const run = { url: 'http://a/v1', model: 'm', concurrent: 1, seconds: 4 };
  const result = resultOf(run, [...good, { failure: 'It failed.' }]);
  expect(result).toMatchObject({ requests: 11, ok: 10, failed: 1, tokens: 20, tokens_per_second: 5 });
  expect(result).toMatchObject({ requests_per_second: 2.5, first_token_ms: null, time_per_token_ms: null });
  expect(result.total_ms).toEqual({ p50: 5, p90: 9, p99: 10 });
});

describe('what counts as failed, with exit code 1 and a sentence', () => {
  const failing = async (args: readonly string[], url = server.url) => {
    const { code, result } = await measured(url, ['-n', '2', ...args]);
    expect({ code, ok: result.ok, failed: result.failed }).toEqual({ code: 1, ok: 0, failed: 2 });
    expect(result.failures).toEqual([{ reason: expect.any(String), count: 2 }]);
    return result.failures[0]?.reason;
  };
  const streaming = (text: string) =>
    answering((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(text);
    });
  const piece = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';

  test('an answer that is not whole in time', async () => {
    const sentence = 'No whole answer came within 0.3 s.';
    expect(await failing(['-t', '0.3', '--prompt', 'mute'])).toBe(sentence);
    expect(await failing(['-t', '0.3', '--prompt', 'count 100000'])).toBe(sentence);
    expect(await failing(['-t', '0.3', '--prompt', 'mute', '--no-stream'])).toBe(sentence);
  });

  test('a stream that ends with an error event', async () => {
    expect(await failing(['--prompt', 'end'])).toMatch(
      /^The stream ended with an error event: instance 0 of m ended its/,
    );
  });

  test('a stream that ends without [DONE]', async () => {
    expect(await failing([], await streaming(piece))).toBe('The stream ended without [DONE].');
  });

  test('a stream that is cut', async () => {
    const url = await answering((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.write(piece, () => response.destroy());
    });
    expect(await failing([], url)).toBe('The connection broke before the answer was whole.');
  });

  test('an answer that is none', async () => {
    expect(await failing([], await streaming('data: [DONE]\n\n'))).toBe('The answer has no choices.');
    expect(await failing([], await streaming('data: oh\n\n'))).toBe('The stream has an event that is no JSON.');
    expect(await failing(['--no-stream'], await answering((_, response) => response.end('{}')))).toBe(
      'The answer has no choices.',
    );
    expect(await failing([], await answering((_, response) => response.end('<p>hello')))).toBe(
      'The server answered with no content type instead of text/event-stream.',
    );
  });

  test('an error status, with what the server says of it', async () => {
    expect(await failing(['--prompt', 'fail queue_full come back later'])).toBe(
      'The server answered 503: come back later',
    );
    const html = await answering((_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'));
    expect(await failing([], html)).toBe('The server answered 502.');
  });

  test('what fails is counted by reason beside what does not', async () => {
    let asked = 0;
    const url = await answering((_request, response) => {
      asked++;
      if (asked <= 2) response.writeHead(429).end('{"error":{"message":"slow down"}}');
      else if (asked === 3) response.writeHead(500).end();
      else response.end('{"choices":[{}],"usage":{"completion_tokens":7}}');
    });
    const { code, stdout } = await bench(url, ['-n', '4', '--no-stream']);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^ok +1\nfailed +3\n {2}2 × The server answered 429: slow down\n {2}1 × The server answered 500\.\n/m,
    );
  });

  test('a server that is not there, or has no such model', async () => {
    const gone = await bench('http://127.0.0.1:9', []);
    expect(gone).toMatchObject({ code: 1, stdout: '', stderr: 'Nothing listens at http://127.0.0.1:9.\n' });
    expect(await failing(['--model', 'n'])).toMatch(/^The server answered 404: .*\bn\b/);
  });
});
