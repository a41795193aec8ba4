import OpenAI from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { chat, stream } from './chat.ts';
import { puppet, puppetConfig } from './puppet.ts';
import { type RunningServer, serve } from './server.ts';

const keys = `
  - use: "@backplane/auth"
    config: { schemes: [{ keys: [{ name: ann, key: key-of-ann }, { name: bob, key: key-of-bob }] }] }`;

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** Two puppet models, m and other, behind these limits. */
async function limited(limits: string, auth = keys): Promise<string> {
  const plugins = `plugins:
  - ./puppet.ts
  - { use: "@backplane/metrics", config: { open: true } }
  - { use: "@backplane/rate-limit", config: { limits: ${limits} } }${auth}`;
  const config = puppetConfig('isolation: inline', '{ slots: 4 }').replace('plugins: [./puppet.ts]', plugins);
  server = await serve(`${config}  - { id: other, backend: puppet, isolation: inline }\n`, {
    files: { 'puppet.ts': puppet },
  });
  return server.url;
}

const as = (name: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { authorization: `Bearer key-of-${name}` },
});

const statuses = (answers: readonly Response[]) => answers.map(({ status }) => status);

async function ask(url: string, name: string, times: number, content = 'say x', more: object = {}) {
  const answers: Response[] = [];
  for (let i = 0; i < times; i++) {
    const answer = await chat(url, content, more, as(name));
    await answer.clone().text();
    answers.push(answer);
  }
  return answers;
}

/** Resolves when this many pieces of output have been made. */
async function made(pieces: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${server?.url}/metrics`)).text();
    const counts = metrics.matchAll(
      /^backplane_(?:time_to_first_token|inter_token_latency)_seconds_count\{.*\} (\d+)/gm,
    );
    if ([...counts].reduce((sum, [, count]) => sum + Number(count), 0) >= pieces) return;
  }
}

/** Resolves when this many calls hold a slot of m. */
async function busy(many: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`${server?.url}/health`, as('ann'));
    const { models } = (await answer.json()) as { models: { m: { instances: { busy: number }[] } } };
    if (models.m.instances[0]?.busy === many) return;
  }
}

describe('requests_per_minute', () => {
  test('lets that many in, counts them down in headers, and refuses the next with Retry-After', async () => {
    const url = await limited('[{ requests_per_minute: 3 }]');
    const answers = await ask(url, 'ann', 4);
    expect(statuses(answers)).toEqual([200, 200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'))).toEqual(['2', '1', '0', '0']);
    const { headers } = answers[3] as Response;
    expect(headers.get('x-ratelimit-limit-requests')).toBe('3');
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^([1-5]?\ds|1m0s)$/);
    expect(headers.get('x-ratelimit-limit-tokens')).toBeNull();
    expect(Number(headers.get('retry-after'))).toSatisfy((seconds: number) => seconds > 0 && seconds <= 60);
    expect(Number(headers.get('retry-after-ms'))).toSatisfy((ms: number) => ms > 0 && ms <= 60_000);
  });

  test('is refused with a sentence that names the limit and whose it is, never the key', async () => {
    const url = await limited('[{ requests_per_minute: 1 }]');
    const [, refused] = await ask(url, 'ann', 2);
    const text = await (refused as Response).text();
    expect(JSON.parse(text)).toEqual({
      error: {
        message: expect.stringMatching(
          /^The limit of requests per minute for ann on m \(1\) is reached; try again in \d+ s\.$/,
        ),
        type: 'rate_limit_error',
        param: null,
        code: 'rate_limited',
      },
    });
    expect(text).not.toContain('key-of-ann');
  });

  test('counts each key and each model by itself', async () => {
    const url = await limited('[{ requests_per_minute: 1 }]');
    expect(statuses(await ask(url, 'ann', 2))).toEqual([200, 429]);
    expect(statuses(await ask(url, 'bob', 1))).toEqual([200]);
    expect(statuses(await ask(url, 'ann', 2, 'say x', { model: 'other' }))).toEqual([200, 429]);
  });

  test('counts all callers together with per: [model]', async () => {
    const url = await limited('[{ requests_per_minute: 2, per: [model] }]');
    expect(statuses([...(await ask(url, 'ann', 1)), ...(await ask(url, 'bob', 2))])).toEqual([200, 200, 429]);
    expect(statuses(await ask(url, 'bob', 1, 'say x', { model: 'other' }))).toEqual([200]);
  });

  test('holds for those that an entry names, and no others', async () => {
    const url = await limited('[{ principals: [ann], models: [m], requests_per_minute: 1 }]');
    expect(statuses(await ask(url, 'ann', 2))).toEqual([200, 429]);
    const others = [...(await ask(url, 'bob', 2)), ...(await ask(url, 'ann', 2, 'say x', { model: 'other' }))];
    expect(statuses(others)).toEqual([200, 200, 200, 200]);
    expect(others[0]?.headers.get('x-ratelimit-limit-requests')).toBeNull();
  });

  test('a call that one entry refuses uses up nothing of another', async () => {
    const url = await limited(
      '[{ requests_per_minute: 3, per: [principal] }, { models: [m], requests_per_minute: 1 }]',
    );
    expect(statuses(await ask(url, 'ann', 3))).toEqual([200, 429, 429]);
    expect(statuses(await ask(url, 'ann', 3, 'say x', { model: 'other' }))).toEqual([200, 200, 429]);
  });

  test('speaks of the entry that has the least left', async () => {
    const url = await limited('[{ requests_per_minute: 9 }, { requests_per_minute: 4, per: [principal] }]');
    const [answer] = await ask(url, 'ann', 1);
    expect(answer?.headers.get('x-ratelimit-limit-requests')).toBe('4');
    expect(answer?.headers.get('x-ratelimit-remaining-requests')).toBe('3');
  });

  test('lets exactly that many of a crowd in', async () => {
    const url = await limited('[{ requests_per_minute: 25 }]');
    const answers = await Promise.all(Array.from({ length: 60 }, () => chat(url, 'say x', {}, as('ann'))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(25);
  });

  test('holds for streams, whose headers say what is left', async () => {
    const url = await limited('[{ requests_per_minute: 1 }]');
    const headers = { authorization: 'Bearer key-of-ann' };
    const first = await stream(url, 'say x', {}, { headers });
    expect(first.headers['x-ratelimit-remaining-requests']).toBe('0');
    expect((await stream(url, 'say x', {}, { headers })).status).toBe(429);
  });

  test('without an auth plugin counts everyone as anonymous', async () => {
    const url = await limited('[{ principals: [anonymous], requests_per_minute: 1 }]', '');
    expect(statuses(await ask(url, 'nobody', 2))).toEqual([200, 429]);
  });

  test('does not count a call to a model that does not exist', async () => {
    const url = await limited('[{ requests_per_minute: 1 }]');
    expect(statuses(await ask(url, 'ann', 2, 'say x', { model: 'nope' }))).toEqual([404, 404]);
    expect(statuses(await ask(url, 'ann', 1))).toEqual([200]);
  });
});

describe('tokens_per_minute', () => {
  test('charges what a call has used, and refuses when nothing is left', async () => {
    // The puppet reads 10 tokens and counts one each.
    const url = await limited('[{ tokens_per_minute: 25 }]');
    const answers = await ask(url, 'ann', 3, 'count 5');
    expect(statuses(answers)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('x-ratelimit-remaining-tokens'))).toEqual(['25', '10', '0']);
    expect(answers[2]?.headers.get('x-ratelimit-reset-tokens')).toMatch(/^([1-5]?\ds|1m0s)$/);
    expect(await answers[2]?.json()).toMatchObject({
      error: { message: expect.stringContaining('tokens per minute for ann on m (25)') },
    });
  });

  test('is charged for streams too, whether or not they show their usage', async () => {
    const url = await limited('[{ tokens_per_minute: 15 }]');
    await stream(url, 'count 5', {}, { headers: { authorization: 'Bearer key-of-ann' } });
    expect(statuses(await ask(url, 'ann', 1))).toEqual([429]);
  });

  test.each([true, false])('is charged for what was made until a client hung up (streamed: %s)', async (streamed) => {
    const url = await limited('[{ tokens_per_minute: 40 }]');
    const gone = new AbortController();
    const leave = { onData: (body: string, hangUp: () => void) => void (body.includes('"7 "') && hangUp()) };
    if (streamed) await stream(url, 'count 100000', {}, { headers: { authorization: 'Bearer key-of-ann' }, ...leave });
    else {
      const call = chat(url, 'count 100000', {}, as('ann', { signal: gone.signal })).catch(() => 'gone');
      await made(7);
      gone.abort();
      await call;
    }
    const settled = await server?.line(({ status }) => status === 499);
    expect(settled).toMatchObject({ prompt_tokens: 10 });
    expect(settled?.completion_tokens).toBeGreaterThanOrEqual(7);
    const [next] = await ask(url, 'ann', 1);
    const left = 40 - 10 - (settled?.completion_tokens as number);
    expect(next?.headers.get('x-ratelimit-remaining-tokens')).toBe(String(Math.max(left, 0)));
  });

  test('that refuses a call uses up no request', async () => {
    const url = await limited('[{ tokens_per_minute: 10 }, { requests_per_minute: 2, per: [principal] }]');
    expect(statuses(await ask(url, 'ann', 4))).toEqual([200, 429, 429, 429]);
    expect(statuses(await ask(url, 'ann', 1, 'say x', { model: 'other' }))).toEqual([200]);
  });
});

describe('concurrent', () => {
  test('refuses a call while as many run, and lets it in when one has ended', async () => {
    const url = await limited('[{ concurrent: 2 }]');
    const gone = new AbortController();
    const [first, second] = [1, 2].map(() =>
      stream(url, 'count 100000', {}, { headers: { authorization: 'Bearer key-of-ann' }, onData: leave(gone) }),
    );
    await busy(2);
    const [refused] = await ask(url, 'ann', 1);
    expect(refused?.status).toBe(429);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(await refused?.json()).toMatchObject({
      error: { message: 'The limit of concurrent calls for ann on m (2) is reached; try again in 1 s.' },
    });
    expect(statuses(await ask(url, 'bob', 1))).toEqual([200]);
    gone.abort();
    await Promise.all([first, second]);
    await server?.line(({ status }) => status === 499);
    expect(statuses(await ask(url, 'ann', 1))).toEqual([200]);
  });

  test('gives the place back when a call fails', async () => {
    const url = await limited('[{ concurrent: 1 }]');
    expect(statuses(await ask(url, 'ann', 2, 'throw'))).toEqual([502, 502]);
    expect(statuses(await ask(url, 'ann', 2, 'fail invalid_request no'))).toEqual([400, 400]);
    expect(statuses(await ask(url, 'ann', 1))).toEqual([200]);
  });

  /** Hangs up at the next piece after `gone`. */
  const leave = (gone: AbortController) => (_body: string, hangUp: () => void) => gone.signal.aborted && hangUp();
});

describe('the OpenAI SDK', () => {
  const client = (url: string, more: object) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: 'key-of-ann', maxRetries: 0, ...more });
  const body = (content: string) => ({ model: 'm', messages: [{ role: 'user' as const, content }] });

  test('throws a RateLimitError that carries the headers', async () => {
    const url = await limited('[{ requests_per_minute: 1 }]');
    const openai = client(url, {});
    await openai.chat.completions.create(body('say x'));
    const error = await openai.chat.completions.create(body('say x')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const { status, code, headers } = error as InstanceType<typeof OpenAI.RateLimitError>;
    expect({ status, code }).toEqual({ status: 429, code: 'rate_limited' });
    expect(headers?.get('x-ratelimit-remaining-requests')).toBe('0');
  });

  test('waits as long as it was told, and then succeeds by itself', async () => {
    const url = await limited('[{ concurrent: 1 }]');
    const held = new AbortController();
    const running = chat(url, 'mute', {}, as('ann', { signal: held.signal })).catch(() => 'gone');
    const times: number[] = [];
    const openai = client(url, {
      maxRetries: 5,
      fetch: async (...request: Parameters<typeof fetch>) => {
        times.push(performance.now());
        const answer = await fetch(...request);
        if (answer.status === 429) held.abort();
        return answer;
      },
    });
    await busy(1);
    const answer = await openai.chat.completions.create(body('say x'));
    await running;
    expect(answer.choices[0]?.message.content).toContain('x');
    expect(times).toHaveLength(2);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThanOrEqual(990);
  });
});

test('/metrics counts what was refused, by kind of limit and model', async () => {
  const url = await limited('[{ requests_per_minute: 1 }, { models: [other], tokens_per_minute: 5 }]');
  await ask(url, 'ann', 3);
  await ask(url, 'bob', 2, 'say x', { model: 'other' });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('backplane_rate_limit_rejected_total{kind="requests",model="m"} 2');
  expect(metrics).toContain('backplane_rate_limit_rejected_total{kind="tokens",model="other"} 1');
  expect(metrics).toContain('outcome="rejected"');
});
