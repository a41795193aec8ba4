import { expect, test } from 'vitest';
import { describeNative, play } from './setup.ts';

describeNative('the turnstile of a device', () => {
  test('lets steps of different threads in as they came', async () => {
    const { results, report } = await play(
      [
        ...['1> open a', '2> open a', '3> open a', '4> open a', 'device'],
        ...['1> step a 1 &', 'until-held 1'],
        ...['3> step a 3 &', 'until-waiting 1', '2> step a 2 &', 'until-waiting 2', '4> step a 4 &', 'until-waiting 3'],
        ...['order', 'wait'],
      ],
      { orders: 'hold bmrt_launch_tensor_ex' },
    );
    const order = report.launches.map((launch) => launch.split(':')[0]);
    expect(order).toEqual(['0', '0', '2', '2', '1', '1', '3', '3']);
    expect(results[7]).toEqual([3, 4, 5, 6]);
  });

  // The second line is a test of the first: without the turnstile the stand-in does see all of them.
  test.each([
    ['never has two calls at once on it', '', ['until-held 1', 'until-waiting 2'], 1],
    ['is what keeps them apart', 'no_turnstile', ['until-held 3'], 3],
  ])('%s', async (_, unsafe, until, most) => {
    const threads = ['1', '2', '3'];
    const { results, report } = await play(
      [
        ...['device', ...threads.map((id) => `${id}> open a`)],
        ...[...threads.map((id) => `${id}> step a ${id} &`), ...until, 'order', 'wait'],
      ],
      { orders: 'hold bmrt_launch_tensor_ex@first', env: { BACKPLANE_SOPHON_TEST_UNSAFE: unsafe } },
    );
    expect(results.slice(4, 7)).toEqual([
      [1, 2, 3, 4],
      [2, 3, 4, 5],
      [3, 4, 5, 6],
    ]);
    expect(report).toMatchObject({ mostInUse: most, breaches: {} });
  });
});
