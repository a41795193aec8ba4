import type { Instance } from '@backplane/core/sdk';
import { expect, test } from 'vitest';
import { call, type Running, startScripted } from './setup.ts';

/** It says the alphabet, over and over, from the last letter of the prompt on: another call's token stands out. */
const alphabet = Array.from({ length: 26 }, (_, at) => String.fromCharCode(97 + at));

/** The more logits a token has, the longer they take to move, and the surer a draw at the wrong moment is wrong. */
const unused = 60_000;

function numbers(seed: number): (below: number) => number {
  let random = seed;
  return (below) => {
    random = (random * 1103515245 + 12345) % 2147483648;
    return Math.floor((random / 2147483648) * below);
  };
}

/** What comes until the answer ends, or its reader leaves or aborts after `stay` events. */
async function answer({ instance }: Running, prompt: string, length: number, stay: number, abort: boolean) {
  const controller = new AbortController();
  const request = { model: 'tiny', prompt, max_tokens: length, temperature: 0, extra: {} };
  const events = (instance.complete as NonNullable<Instance['complete']>)(request, call(controller.signal));
  let text = '';
  try {
    for await (const event of events) {
      if (event.type === 'text') text += event.text;
      if (stay-- > 0) continue;
      if (!abort) break;
      controller.abort();
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  return text;
}

test('two hundred calls that come and go at random, some broken off, each go on where their own prompt ends', async () => {
  const model = await startScripted({ chain: alphabet, loop: true, unused });
  const draw = numbers(7);
  const wrong: string[] = [];
  let left = 200;
  const caller = async () => {
    while (left-- > 0) {
      const prompt = `${'.'.repeat(draw(12))}${alphabet[draw(26)]}`;
      const length = 1 + draw(20);
      const stay = draw(4) === 0 ? draw(10) : length + 3;
      const text = await answer(model, prompt, length, stay, draw(2) === 0);
      const from = alphabet.indexOf(prompt.slice(-1)) + 1;
      const expected = alphabet
        .concat(alphabet)
        .join('')
        .slice(from, from + length);
      if (stay > length ? text !== expected : !expected.startsWith(text))
        wrong.push(`${prompt}: ${text}, not ${expected}`);
    }
  };
  // More than slots, so that every end lets another begin.
  await Promise.all(Array.from({ length: 6 }, caller));
  expect(wrong).toEqual([]);
});
