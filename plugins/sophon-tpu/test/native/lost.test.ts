import { expect, test } from 'vitest';
import { describeNative, play } from './setup.ts';

describeNative('a device that stops answering', () => {
  test('is told to all its runtimes, opens none, and works again when it is back', async () => {
    const { results, code, report } = await play([
      'open a',
      'open b',
      'order lost',
      'step a',
      'health',
      'close a',
      'open a',
      'order',
      'open a',
      'health',
      'step a 11',
      'step b 12',
    ]);
    expect(results[3]).toMatchObject({ fault: 'device', fatal: true });
    expect(results[4]).toMatch(/^Device 0 stopped answering: Copying to the device failed/);
    expect(results[6]).toMatchObject({
      fault: 'device',
      message: expect.stringMatching(
        /It still does not answer, and is opened afresh once all its instances have closed$/,
      ),
    });
    expect(results.slice(8)).toEqual(['done', 'answers', [11, 12, 13, 14], [12, 13, 14, 15]]);
    expect(report).toMatchObject({ handles: 0, runtimes: 0, allocations: 0 });
    expect(code).toBe(0);
  });
});
