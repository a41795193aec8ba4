import { expect, test } from 'vitest';
import { History } from '../src/history.ts';
import type { Prompt, PromptSpan } from '../src/prompt.ts';

function prompt(ids: readonly number[], ...spans: readonly PromptSpan[]): Prompt {
  return { ids: Int32Array.from(ids), spans, positions: { ids: new Int32Array(), next: 0 }, reasoning: false };
}

/** Four tokens of a picture, from `start` on. */
const picture = (start: number): PromptSpan => ({ start, rows: 2, columns: 2, medium: 0, pair: 0 });

function after(first: Prompt, digests: readonly string[] = []): History {
  const history = new History();
  history.extend(first, digests, first.ids.length);
  return history;
}

test('what two prompts have in common at their beginning is not computed again', () => {
  const history = after(prompt([1, 2, 3]));
  history.push(9);
  expect(history.shared(prompt([1, 2, 3, 9, 4]), [])).toBe(4);
  expect(history.shared(prompt([1, 2, 7, 9, 4]), [])).toBe(2);
  expect(history.shared(prompt([7]), [])).toBe(0);
});

test('of the very same prompt the last token is computed again: its answer is in no cache', () => {
  expect(after(prompt([1, 2, 3])).shared(prompt([1, 2, 3]), [])).toBe(2);
});

test('a picture counts as the same when its content is, not when its tokens are', () => {
  const ids = [1, 8, 8, 8, 8, 2];
  const history = after(prompt(ids, picture(1)), ['cat']);
  expect(history.shared(prompt([...ids, 3], picture(1)), ['cat'])).toBe(6);
  expect(history.shared(prompt([...ids, 3], picture(1)), ['dog'])).toBe(1);
});

test('a picture is never cut: where the cache has half of it, it is computed whole', () => {
  const history = after(prompt([1, 8, 8, 8, 8, 2], picture(1)), ['cat']);
  history.truncate(3);
  expect(history.shared(prompt([1, 8, 8, 8, 8, 2], picture(1)), ['cat'])).toBe(1);
});

test('what is written over is forgotten first', () => {
  const history = after(prompt([1, 8, 8, 8, 8, 2], picture(1)), ['cat']);
  history.truncate(1);
  expect(history.length).toBe(1);
  history.extend(prompt([1, 5, 6]), [], 3);
  expect(history.shared(prompt([1, 5, 6, 7]), [])).toBe(3);
});
