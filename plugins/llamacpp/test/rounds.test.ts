import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Rounds, type Seat } from '../src/rounds.ts';

/** Asks for a turn and notes when it comes. */
function ask(seat: Seat, name: string, began: string[]): void {
  const wait = seat.turn();
  if (wait === undefined) began.push(name);
  else void wait.then(() => began.push(name));
}

test('a call alone never waits', () => {
  const seat = new Rounds().join();
  for (let i = 0; i < 3; i++) {
    expect(seat.turn()).toBeUndefined();
    seat.done();
  }
});

test('two calls evaluate in the same turn of the event loop, though one asked earlier', async () => {
  const rounds = new Rounds();
  const [a, b] = [rounds.join(), rounds.join()];
  const began: string[] = [];
  ask(a, 'a', began);
  expect(began).toEqual([]);
  ask(b, 'b', began);
  await turn();
  await turn();
  expect(began).toEqual(['a', 'b']);
});

test('a call that comes while others evaluate joins their next batch', async () => {
  const rounds = new Rounds();
  const a = rounds.join();
  const began: string[] = [];
  ask(a, 'a', began);
  const b = rounds.join();
  ask(b, 'b', began);
  await turn();
  expect(began).toEqual(['a']);
  a.done();
  ask(a, 'a', began);
  await turn();
  await turn();
  expect(began).toEqual(['a', 'b', 'a']);
});

test('a call that leaves is not waited for', async () => {
  const rounds = new Rounds();
  const [a, b] = [rounds.join(), rounds.join()];
  const began: string[] = [];
  ask(a, 'a', began);
  b.leave();
  await turn();
  await turn();
  expect(began).toEqual(['a']);
});

test('a call that leaves in the middle of its evaluation does not hold up the rest', async () => {
  const rounds = new Rounds();
  const [a, b] = [rounds.join(), rounds.join()];
  ask(a, 'a', []);
  ask(b, 'b', []);
  await turn();
  await turn();
  a.leave();
  b.done();
  expect(b.turn()).toBeUndefined();
});

test('a reader that is slow to ask again does not stop the others', async () => {
  const rounds = new Rounds();
  const [a] = [rounds.join(), rounds.join()];
  await a.turn();
  a.done();
  await a.turn();
});
