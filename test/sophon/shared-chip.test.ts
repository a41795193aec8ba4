import { expect, test } from 'vitest';
import { describeNative } from '../../plugins/sophon-tpu/test/native/setup.ts';
import type { RunningServer } from '../server.ts';
import { answer, ask, endsClean, serveEcho } from './stand-in.ts';

/** Several servers' worth of threads, on a machine that may be busy. */
const patience = 120_000;

interface Health {
  readonly status: string;
  readonly models: { readonly echo: { readonly instances: readonly { readonly state: string }[] } };
}

async function health(server: RunningServer): Promise<Health> {
  return (await (await fetch(`${server.url}/health`)).json()) as Health;
}

/** Resolves when all instances are ready. */
async function whole(server: RunningServer): Promise<void> {
  while ((await health(server)).models.echo.instances.some(({ state }) => state !== 'ready')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describeNative('instances that share a chip', () => {
  test.each([
    ['refuses a launch', 'fail bmrt_launch_tensor_ex@lm_head false 1', /libbmrt refused to launch lm_head/],
    ['fails a sync', 'fail bm_thread_sync 2 1', /bm_thread_sync returned status 2, failure/],
    [
      'makes the library throw',
      'fail bmrt_launch_tensor_ex throw 1',
      /bmrt_launch_tensor_ex threw \(BMRuntime internal/,
    ],
  ])(
    'stand in for the one on which it %s, and all are there again afterwards',
    async (_, order, says) => {
      const { server, order: give } = await serveEcho(2);
      await whole(server);
      await give(order);
      expect(await answer(server)).toBe('\n\n\n');
      const { instance, reason } = await server.line(({ state }) => state === 'failed');
      expect(reason).toMatch(says);
      await server.line((line) => line.instance === instance && line.from === 'failed' && line.restart === true);
      await whole(server);
      expect((await health(server)).status).toBe('ok');
      await endsClean(server);
    },
    patience,
  );

  test(
    'go on when it does not answer one of them in time, whose client gets 504',
    async () => {
      const { server, order } = await serveEcho(2);
      await whole(server);
      await order('fail bm_thread_sync 3 1');
      const response = await ask(server);
      expect(response.status).toBe(504);
      expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('status 3, timeout') } });
      expect(await answer(server)).toBe('\n\n\n');
      await whole(server);
      await endsClean(server);
    },
    patience,
  );

  test(
    'come to their turns when it is slow',
    async () => {
      const { server, order } = await serveEcho(2);
      await whole(server);
      await order('slow bmrt_launch_tensor_ex 50');
      expect(await Promise.all([answer(server), answer(server), answer(server)])).toEqual(Array(3).fill('\n\n\n'));
      await endsClean(server);
    },
    patience,
  );

  test(
    'are all failed when it is lost, idle ones too, and serve when it is back',
    async () => {
      const { server, order } = await serveEcho(3);
      await whole(server);
      await order('lost');
      expect((await ask(server)).status).toBe(502);
      for (const instance of [0, 1, 2]) {
        const { reason } = await server.line((line) => line.instance === instance && line.state === 'failed');
        expect(reason).toMatch(/returned status 2, failure|Device 0 stopped answering/);
      }
      expect((await health(server)).status).not.toBe('ok');
      await order();
      await whole(server);
      expect(await answer(server)).toBe('\n\n\n');
      await endsClean(server);
    },
    patience,
  );

  test(
    'serve as far as its memory goes, and the one that found none starts when there is some',
    async () => {
      // One allocation is the device's own; 40 are an instance's.
      const { server, order } = await serveEcho(2, { early: true, orders: 'limit 61' });
      const { reason } = await server.line(({ state }) => state === 'failed');
      expect(reason).toMatch(/no device memory left|bmrt_load_bmodel threw/);
      expect(await answer(server)).toBe('\n\n\n');
      await order();
      await whole(server);
      await endsClean(server);
    },
    patience,
  );
});
