import { expect, test } from 'vitest';
import { describeNative, play } from './setup.ts';

const nothingLeft = { handles: 0, runtimes: 0, allocations: 0, breaches: {} };

describeNative('a thread', () => {
  test('that is terminated gives back all it had on the device, and the others serve on', async () => {
    // Room for one runtime: the question of the device, four tensors, and what the thread allocated.
    const { results, code, report } = await play(
      ['device', '1> open a', '1> allocate a 4096', '2> open a', '1> terminate', '2> open a', '2> step a 2'],
      { orders: 'limit 6' },
    );
    expect(results[3]).toMatchObject({ fault: 'exception' });
    expect(results.slice(4)).toEqual(['terminated', 'done', [2, 3, 4, 5]]);
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('that is terminated in the middle of a step ends when the step has ended', async () => {
    const { results, code, report } = await play(
      [
        'device',
        '1> open a',
        '1> step a &',
        'until-held 1',
        '1> terminate &',
        'order',
        'wait',
        '2> open a',
        '2> step a',
      ],
      { orders: 'hold bmrt_launch_tensor_ex' },
    );
    expect(results[2]).toBe('the thread ended');
    expect(results[8]).toEqual([7, 8, 9, 10]);
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('that leaves everything open at the end of the process is cleaned up after', async () => {
    const { code, report } = await play(['1> open a', '1> step a', '2> open a', 'open a', 'allocate a 64']);
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('may close twice, and is told that what it closed is closed', async () => {
    const { results, report, code } = await play(['open a', 'close a', 'close a', 'step a', 'leave', 'leave', 'chip']);
    expect(results.slice(1, 3)).toEqual(['done', 'done']);
    expect(results[3]).toMatchObject({ fault: 'usage', message: 'This runtime was closed' });
    expect(results[6]).toMatchObject({ fault: 'usage', message: 'This device was closed' });
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('shares one handle of the device with the others, which goes with the last of them', async () => {
    const { results, report, code } = await play([
      ...['1> open a', 'order fail bm_dev_request 1', '2> open a', '1> close a', '1> leave', '2> step a 6'],
      ...['2> close a', '2> leave', 'device'],
    ]);
    expect(results.slice(2, 8)).toEqual(['done', 'done', 'done', [6, 7, 8, 9], 'done', 'done']);
    expect(results[8]).toMatchObject({ fault: 'device', message: expect.stringMatching(/^Opening device 0 failed/) });
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });
});
