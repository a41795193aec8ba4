import { afterEach, expect, test, vi } from 'vitest';
import { allocationsOfInstance, ask, describeStandIn, endRest, health, serveStandIn, whole } from './stand-in.ts';

// Several servers of several threads each.
vi.setConfig({ testTimeout: 120_000 });
afterEach(endRest);

const clean = { code: 0, signal: null, report: { handles: 0, runtimes: 0, allocations: 0, breaches: {} } };

describeStandIn('when the chip fails an instance', () => {
  test.each([
    ['refuses a launch', 'fail bmrt_launch_tensor_ex@lm_head false 1', /libbmrt refused to launch lm_head/],
    ['fails a sync', 'fail bm_thread_sync 2 1', /bm_thread_sync returned status 2, failure/],
    [
      'makes the library throw',
      'fail bmrt_launch_tensor_ex throw 1',
      /bmrt_launch_tensor_ex threw \(BMRuntime internal/,
    ],
  ])('and %s, another answers, the log says why, and the instance is opened again', async (_, order, says) => {
    const server = await serveStandIn(2);
    await whole(server);
    await server.order(order);
    expect(await ask(server, 'one two')).toMatchObject({ status: 200, text: ' two two two' });
    const { instance, reason } = await server.line(({ state }) => state === 'failed');
    expect(reason).toMatch(says);
    await server.line((line) => line.instance === instance && line.from === 'failed' && line.restart === true);
    await whole(server);
    expect((await health(server)).status).toBe('ok');
    expect(await server.end()).toMatchObject(clean);
  });

  test('and there is no other, the client is told what happened, and the next waits for it to be opened again', async () => {
    const server = await serveStandIn(1);
    await server.order('fail bm_memcpy_d2s_partial_offset 2 1');
    const answer = await ask(server, 'one two');
    expect(answer.status).toBe(502);
    expect(answer.error).toBe(
      'instance 0 of m failed: Copying from the device failed: bm_memcpy_d2s_partial_offset returned status 2, failure. The instance has to be opened again; dmesg and bm-smi show what the driver thinks',
    );
    expect(await ask(server, 'three')).toMatchObject({ status: 200, text: 'threethreethree' });
    expect(await server.end()).toMatchObject(clean);
  });

  test('and does not answer in time, the client gets 504 and the others go on', async () => {
    const server = await serveStandIn(2);
    await whole(server);
    await server.order('fail bm_thread_sync 3 1');
    const answer = await ask(server, 'one two');
    expect(answer).toMatchObject({ status: 504, error: expect.stringContaining('status 3, timeout') });
    expect((await ask(server, 'one two')).status).toBe(200);
    await whole(server);
    expect(await server.end()).toMatchObject(clean);
  });

  test('and is slow, the others come to their turns', async () => {
    const server = await serveStandIn(2);
    await whole(server);
    await server.order('slow bmrt_launch_tensor_ex 50');
    const answers = await Promise.all([ask(server, 'one two', 6), ask(server, 'three', 2)]);
    expect(answers.map(({ text }) => text)).toEqual([' two two two two two two', 'threethree']);
    expect(await server.end()).toMatchObject(clean);
  });
});

describeStandIn('when the chip is lost', () => {
  test('all its instances are failed, idle ones too, and /health says why; when it is back they serve', async () => {
    const server = await serveStandIn(3);
    await whole(server);
    await server.order('lost');
    expect((await ask(server, 'one two')).status).toBe(502);
    for (const instance of [0, 1, 2]) {
      const line = await server.line((one) => one.instance === instance && one.state === 'failed');
      expect(line.reason).toMatch(/returned status 2, failure|Device 0 stopped answering/);
    }
    expect((await health(server)).status).not.toBe('ok');
    await server.order();
    await whole(server);
    expect(await ask(server, 'one two')).toMatchObject({ status: 200, text: ' two two two' });
    expect(await server.end()).toMatchObject(clean);
  });
});

describeStandIn('when the chip has no memory for another instance', () => {
  test('those that fit serve, the other says so and starts when there is room', async () => {
    // One more for the device's own question, and room for one instance and a half.
    const server = await serveStandIn(2, `limit ${1 + Math.floor(allocationsOfInstance * 1.5)}`);
    const failed = await server.line(({ state }) => state === 'failed');
    expect(failed.reason).toMatch(/no device memory left|bmrt_load_bmodel threw/);
    expect(await ask(server, 'one two')).toMatchObject({ status: 200, text: ' two two two' });
    await server.order();
    await whole(server);
    expect(await server.end()).toMatchObject(clean);
  });
});
