import { expect, test } from 'vitest';
import { describeNative, play, type Thrown } from './setup.ts';

const raw = (operations: readonly object[]): string => `raw a ${JSON.stringify(operations)}`;
const input = { input: 0 };

describeNative('a step', () => {
  test('carries bytes to the device, through its networks and back', async () => {
    const { results, code, report } = await play(['open a', 'step a 40', 'close a']);
    expect(results).toEqual(['done', [40, 41, 42, 43], 'done']);
    expect(report).toMatchObject({ breaches: {}, launches: ['0:first', '0:second'] });
    expect(code).toBe(0);
  });

  test('waits for its launches before it copies, and before it returns', async () => {
    const launch = { do: 'launch', network: 0, inputs: [{ memory: input, shape: [1, 4] }] };
    const { report, results } = await play([
      'open a',
      raw([{ ...launch, outputs: [{ memory: input, shape: [1, 4] }] }]),
      raw([{ do: 'download', from: input, offset: 0, into: [16] }]),
      raw([
        { ...launch, outputs: [{ memory: input, shape: [1, 4] }] },
        { do: 'upload', to: input, offset: 0, bytes: [16] },
      ]),
    ]);
    expect(results).toEqual(['done', 'done', 'done', 'done']);
    expect(report.breaches).toEqual({});
  });

  test('has more operations than fit into its first array', async () => {
    const uploads = Array.from({ length: 400 }, () => ({ do: 'upload', to: input, offset: 0, bytes: [16] }));
    const { results } = await play(['open a', raw(uploads), 'step a 3']);
    expect(results).toEqual(['done', 'done', [3, 4, 5, 6]]);
  });

  test.each([
    ['an upload', { do: 'upload', to: input, offset: 4, bytes: [16] }],
    ['a download', { do: 'download', from: input, offset: 17, into: [0] }],
    ['a copy from', { do: 'copy', from: input, fromOffset: 8, to: input, toOffset: 0, bytes: 9 }],
    ['a copy to', { do: 'copy', from: input, fromOffset: 0, to: input, toOffset: 12, bytes: 5 }],
    ['a fill', { do: 'fill', memory: input, offset: 2, bytes: 16, value: 0 }],
    [
      'a launch',
      {
        do: 'launch',
        network: 0,
        inputs: [{ memory: input, offset: 4, shape: [1, 4] }],
        outputs: [{ memory: input, shape: [1, 4] }],
      },
    ],
  ])('is refused before the device is asked, when %s reaches outside its memory', async (_, operation) => {
    const before = { do: 'launch', network: 1, inputs: [{ memory: input, shape: [1, 4] }] };
    const { results, report } = await play([
      'open a',
      raw([{ ...before, outputs: [{ memory: { input: 1 }, shape: [1, 4] }] }, operation]),
      'step a 5',
    ]);
    const thrown = results[1] as Thrown;
    expect(thrown).toMatchObject({ fault: 'usage', fatal: false, operation: 1 });
    expect(thrown.message).toMatch(/^Operation 1 of a step reaches outside its memory: \d+ bytes from \d+ on, of 16$/);
    expect(results[2]).toEqual([5, 6, 7, 8]);
    expect(report).toMatchObject({ launches: ['0:first', '0:second'], breaches: {} });
  });

  test.each([
    ['an unknown network', { network: 9 }, 'launches no network of this model'],
    ['too few tensors', { inputs: [] }, 'launches first with 0 inputs and 1 outputs; it has 1 and 1'],
    [
      'a shape that was not compiled',
      { inputs: [{ memory: input, shape: [1, 3] }] },
      'launches first with inputs [1,3], which no stage of it was compiled for',
    ],
    [
      'a negative size',
      { inputs: [{ memory: input, shape: [-1, 4] }] },
      'has a size, place or value that is no whole number from 0 on',
    ],
  ])('is refused with %s', async (_, launch, why) => {
    const whole = {
      do: 'launch',
      network: 0,
      inputs: [{ memory: input, shape: [1, 4] }],
      outputs: [{ memory: input, shape: [1, 4] }],
    };
    const { results, report } = await play(['open a', raw([{ ...whole, ...launch }])]);
    expect(results[1]).toMatchObject({ fault: 'usage', message: `Operation 0 of a step ${why}` });
    expect(report.launches).toEqual([]);
  });

  test("does not reach another runtime's memory", async () => {
    const foreign = { do: 'upload', to: { foreign: 'b' }, offset: 0, bytes: [4] };
    const { results } = await play(['open a', 'open b', raw([foreign])]);
    expect(results[2]).toMatchObject({
      fault: 'usage',
      message: "Operation 0 of a step uses memory that is not, or no longer, this runtime's",
    });
  });

  test('fills memory with a pattern of 16 bits and copies on the device', async () => {
    const { results } = await play([
      'open a',
      'step a 1',
      raw([
        { do: 'fill', memory: input, offset: 4, bytes: 8, value: 0xf0e2 },
        { do: 'copy', from: input, fromOffset: 4, to: input, toOffset: 12, bytes: 2 },
      ]),
      'bytes a',
    ]);
    expect(results[3]).toBe('01000000e2f0e2f0e2f0e2f0e2f00000');
  });

  test('ends between two launches when its flag is set, and the next one runs', async () => {
    const { results, report } = await play(
      ['open a', '1> open a', '1> cancellable a &', 'until-held 1', 'cancel', 'order', 'wait', 'again', '1> step a 4'],
      { orders: 'hold bmrt_launch_tensor_ex@first' },
    );
    expect(results[2]).toEqual({
      message: 'The step was cancelled before operation 2 of 4',
      fault: 'cancelled',
      fatal: false,
      operation: 2,
    });
    expect(results[8]).toEqual([4, 5, 6, 7]);
    expect(report).toMatchObject({ launches: ['1:first', '1:first', '1:second'], breaches: {} });
  });
});
