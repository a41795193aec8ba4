import { expect, test } from 'vitest';
import { describeNative, play, type Thrown } from './setup.ts';

const nothingLeft = { handles: 0, runtimes: 0, allocations: 0, breaches: {} };

describeNative('a fault of the device', () => {
  test.each([
    {
      name: 'a launch that is refused',
      orders: 'fail bmrt_launch_tensor_ex@second false 1',
      thrown: { fault: 'launch', operation: 2, network: 'second' },
      says: 'libbmrt refused to launch second: what it printed is on stderr. The instance has to be opened again',
    },
    {
      name: 'a sync that fails',
      orders: 'fail bm_thread_sync 2 1',
      thrown: { fault: 'device', status: 2, operation: 3, network: 'first' },
      says: 'Running first and what followed it failed: bm_thread_sync returned status 2, failure. The instance has to be opened again; dmesg and bm-smi show what the driver thinks',
    },
    {
      name: 'a sync that times out',
      orders: 'fail bm_thread_sync 3 1',
      thrown: { fault: 'timeout', status: 3, operation: 3, network: 'first' },
      says: 'Running first and what followed it failed: bm_thread_sync returned status 3, timeout. The instance has to be opened again; bm-smi shows whether the chip still answers',
    },
    {
      name: 'a C++ exception',
      orders: 'fail bmrt_launch_tensor_ex@first throw 1',
      thrown: { fault: 'exception', operation: 1, network: 'first' },
      says: 'bmrt_launch_tensor_ex threw (BMRuntime internal error.). The instance has to be opened again; what the library printed is on stderr',
    },
    {
      name: 'a copy that fails',
      orders: 'fail bm_memcpy_d2s_partial_offset 7 1',
      thrown: { fault: 'device', status: 7, operation: 3 },
      says: 'Copying from the device failed: bm_memcpy_d2s_partial_offset returned status 7, the device is busy. The instance has to be opened again; dmesg and bm-smi show what the driver thinks',
    },
  ])('$name ends that runtime with a sentence; the others go on, and a new one takes its place', async (one) => {
    const { results, code, report } = await play([
      'open a',
      'open b',
      `order ${one.orders}`,
      'step a',
      'step a',
      'step b 20',
      'health',
      'close a',
      'open a',
      'step a 30',
    ]);
    expect(results[3]).toEqual({ message: one.says, fatal: true, ...one.thrown });
    expect((results[4] as Thrown).message).toBe(`This runtime can only be closed, since: ${one.says}`);
    expect(results.slice(5)).toEqual([[20, 21, 22, 23], 'answers', 'done', 'done', [30, 31, 32, 33]]);
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('no memory for a buffer is said, and what was there goes on', async () => {
    const { results, code } = await play([
      'open a',
      'order fail bm_malloc_device_byte 5 1',
      'allocate a 4096',
      'allocate a 4096',
      'step a 9',
    ]);
    expect(results[2]).toEqual({
      message:
        'Allocating 4096 bytes of device memory failed: bm_malloc_device_byte returned status 5, no device memory left. Run fewer instances or a smaller model, or give the TPU a larger heap',
      fault: 'memory',
      fatal: false,
      status: 5,
    });
    expect(results.slice(3)).toEqual([4096, [9, 10, 11, 12]]);
    expect(code).toBe(0);
  });

  test.each([
    [
      'is refused by libbmrt',
      'fail bmrt_load_bmodel false 1',
      'bmodel',
      /^libbmrt did not load .*older than the compiler/,
    ],
    ['finds no memory', 'fail bm_malloc_device_byte 5 1', 'exception', /^bmrt_load_bmodel threw \(BMRuntime internal/],
    ['makes libbmrt throw', 'fail bmrt_create throw 1', 'exception', /^bmrt_create threw \(BMRuntime internal error/],
    ['gets no runtime', 'fail bmrt_create false 1', 'device', /^libbmrt made no runtime on the device/],
  ])('a model that %s says so, leaves nothing behind, and can be tried again', async (_, orders, fault, says) => {
    const { results, code, report } = await play(['device', `order ${orders}`, 'open a', 'open a', 'step a']);
    expect(results[2]).toMatchObject({ fault, fatal: true, message: expect.stringMatching(says) });
    expect(results[4]).toEqual([7, 8, 9, 10]);
    expect(report).toMatchObject(nothingLeft);
    expect(code).toBe(0);
  });

  test('a device that cannot be opened is named', async () => {
    const { results, code } = await play(['device', 'device'], { orders: 'fail bm_dev_request 1 1' });
    expect(results[0]).toMatchObject({
      fault: 'device',
      message: expect.stringMatching(/^Opening device 0 failed: .* status 1, the device is not ready/),
    });
    expect(results[1]).toBe('done');
    expect(code).toBe(0);
  });
});
