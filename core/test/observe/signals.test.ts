import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog } from '../../src/observe/log.ts';
import { Signals } from '../../src/observe/signals.ts';
import type { Signal } from '../../src/sdk/index.ts';

const received: Signal = { type: 'received', call: 'c1', operation: 'chat' };

function signalsWithLog() {
  const stream = new PassThrough();
  const signals = new Signals(createLog({ level: 'debug', format: 'json', stream }));
  return { signals, log: () => String(stream.read() ?? '') };
}

test('every observer hears every signal before emit returns, in the order they were added', () => {
  const { signals } = signalsWithLog();
  const heard: string[] = [];
  signals.add('a', (signal) => heard.push(`a ${signal.type}`));
  signals.add('b', (signal) => heard.push(`b ${signal.type}`));
  signals.emit(received);
  expect(heard).toEqual(['a received', 'b received']);
});

test('an observer that throws is named in the log once and dropped, and the others go on', () => {
  const { signals, log } = signalsWithLog();
  let broken = 0;
  let healthy = 0;
  signals.add('broken', () => {
    broken++;
    throw new Error('no such label');
  });
  signals.add('healthy', () => healthy++);
  signals.emit(received);
  signals.emit(received);
  expect({ broken, healthy }).toEqual({ broken: 1, healthy: 2 });

  const lines = log().trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'error',
    plugin: 'broken',
    signal: 'received',
    err: { message: 'no such label' },
  });
});

test('an observer that fails inside its own emit is logged once all the same', () => {
  const { signals, log } = signalsWithLog();
  let depth = 0;
  signals.add('loop', () => {
    if (depth++ === 0) signals.emit(received);
    throw new Error('twice');
  });
  signals.emit(received);
  expect(depth).toBe(2);
  expect(log().trimEnd().split('\n')).toHaveLength(1);
});

test('an observer added by an observer hears the next signal', () => {
  const { signals } = signalsWithLog();
  let late = 0;
  signals.add('a', () => {
    if (late === 0) signals.add('late', () => late++);
  });
  signals.emit(received);
  expect(late).toBe(0);
  signals.emit(received);
  expect(late).toBe(1);
});
