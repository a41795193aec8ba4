import { expect, test } from 'vitest';
import { describeNative, play } from './setup.ts';

describeNative('the turnstile of a device', () => {
  test('lets steps of different threads in as they came', async () => {
    const { results, report } = await play(
      [
        ...['1> open a', '2> open a', '3> open a', '4> open a', 'device'],
        ...['1> step a 1 &', 'until-held'],
        ...['3> step a 3 &', 'until-waiting 1', '2> step a 2 &', 'until-waiting 2', '4> step a 4 &', 'until-waiting 3'],
        ...['order', 'wait'],
      ],
      { orders: 'hold bmrt_launch_tensor_ex' },
    );
    const order = report.launches.map((launch) => launch.split(':')[0]);
    expect(order).toEqual(['0', '0', '2', '2', '1', '1', '3', '3']);
    expect(results[7]).toEqual([3, 4, 5, 6]);
  });

  // The second line is a test of the first: without the turnstile the stand-in does see several.
  test.each([
    ['never has two calls at once on it', '', false],
    ['is what keeps them apart', 'no_turnstile', true],
  ])('%s', async (_, unsafe, several) => {
    const threads = ['1', '2', '3'];
    const { results, report } = await play(
      [...threads.map((id) => `${id}> open a`), ...threads.map((id) => `${id}> step a ${id} 5 &`), 'wait'],
      { orders: 'slow bmrt_launch_tensor_ex 20', env: { BACKPLANE_SOPHON_TEST_UNSAFE: unsafe } },
    );
    expect(results.slice(3, 6)).toEqual([
      [1, 2, 3, 4],
      [2, 3, 4, 5],
      [3, 4, 5, 6],
    ]);
    expect(report.mostInUse > 1).toBe(several);
    expect(report.breaches).toEqual({});
  });
});
