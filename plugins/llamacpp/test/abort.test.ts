import type { ChatEvent } from '@backplane/core/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failure, gather, type Running, start, startScripted } from './setup.ts';

let model: Running;
beforeAll(async () => {
  model = await start({ slots: 2 });
});
afterAll(() => model.instance.unload());

const quiet = { chat_template_kwargs: { enable_thinking: false } };
const long = 'word '.repeat(600);

test('a call aborted while it decodes ends after at most one more token', async () => {
  const endless = await startScripted({ chain: ['tick ', 'tock '], loop: true });
  const controller = new AbortController();
  const seen: ChatEvent[] = [];
  let after = 0;
  const error = await failure(
    (async () => {
      for await (const event of endless.stream('hello', {}, controller.signal)) {
        seen.push(event);
        if (controller.signal.aborted) after++;
        if (seen.length === 10) controller.abort();
      }
    })(),
  );
  expect(error.code).toBe('cancelled');
  expect(after).toBeLessThanOrEqual(1);
});

test('a call aborted while its prompt is computed ends before the prompt is', async () => {
  const controller = new AbortController();
  const aborted = failure(model.chat(long, {}, controller.signal));
  setImmediate(() => controller.abort());
  expect((await aborted).code).toBe('cancelled');
  // What is in the cache tells how far it came: less than the prompt, since the abort fell into it.
  const again = await model.chat(long, { max_tokens: 1 });
  expect(again.started.cachedTokens).toBeLessThan(again.started.promptTokens - 256);
});

test('a call that was aborted before it began computes nothing', async () => {
  expect((await failure(model.chat('hello', {}, AbortSignal.abort()))).code).toBe('cancelled');
});

test('a call that waits for a slot gives up when it is aborted, and the next one gets the slot', async () => {
  const single = await startScripted({ chain: ['tick ', 'tock '], loop: true }, { slots: 1 });
  const first = single.stream('hello', { max_tokens: 50 })[Symbol.asyncIterator]();
  await first.next();
  const controller = new AbortController();
  const waiting = failure(single.chat('hello', {}, controller.signal));
  const next = single.chat('hello', { max_tokens: 2 });
  controller.abort();
  expect((await waiting).code).toBe('cancelled');
  await first.return?.();
  expect((await next).text).toBe('tick tock ');
});

test('after a hundred calls broken off at random, the answers are still those of a fresh model', async () => {
  const questions = ['Who are you?', 'What is Backplane?', '你好', `${long} Who are you?`];
  const fresh = await start({ slots: 1 });
  const expected: string[] = [];
  for (const question of questions) expected.push((await fresh.chat(question, { ...quiet, max_tokens: 60 })).text);
  await fresh.instance.unload();

  let random = 42;
  const draw = (below: number) => {
    random = (random * 1103515245 + 12345) % 2147483648;
    return Math.floor((random / 2147483648) * below);
  };
  const broken = async () => {
    const controller = new AbortController();
    const stopAt = draw(30);
    const early = draw(3) === 0;
    if (early) setImmediate(() => controller.abort());
    let seen = 0;
    try {
      for await (const _ of model.stream(questions[draw(4)] as string, { max_tokens: 60 }, controller.signal)) {
        if (++seen === stopAt) {
          if (draw(2) === 0) break;
          controller.abort();
        }
      }
    } catch {
      // Being cancelled is what was asked for.
    }
  };
  for (let i = 0; i < 50; i++) await Promise.all([broken(), broken()]);

  const answers: string[] = [];
  for (const question of questions) answers.push((await model.chat(question, { ...quiet, max_tokens: 60 })).text);
  expect(answers).toEqual(expected);
});

test('a consumer that stops reading frees its slot', async () => {
  for (let i = 0; i < 5; i++) {
    for await (const event of model.stream('Who are you?')) if (event.type === 'text') break;
  }
  expect((await gather(model.stream('Who are you?', quiet))).text).toMatch(/^I am Tiny/);
});
