import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { describeNative } from '../../plugins/sophon-tpu/test/native/setup.ts';
import { answer, ask, endsClean, serveEcho, went } from './stand-in.ts';

describeNative('a chip that fails', () => {
  test('fails the call with a sentence, and its instance is opened again and answers', async () => {
    const { server, order } = await serveEcho(1);
    expect(await answer(server)).toBe('\n\n\n');
    await order('fail bmrt_launch_tensor_ex@block_1 false 1');
    const response = await ask(server);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      error: { code: 'backend_failed', message: expect.stringMatching(/^instance 0 of echo failed: .*block_1/) },
    });
    await went(server, 'ready', 'failed', 'loading', 'ready');
    expect(await answer(server)).toBe('\n\n\n');
    await endsClean(server);
  });

  test('costs a call nothing where another instance is there: it answers instead', async () => {
    const { server, order } = await serveEcho(2);
    await went(server, 'ready', 'ready');
    await order('fail bmrt_launch_tensor_ex@block_1 throw 1');
    expect(await answer(server)).toBe('\n\n\n');
    await went(server, 'failed', 'loading', 'ready');
    await endsClean(server);
  });

  test('and is lost is opened again and again, until it is back', async () => {
    const { server, order } = await serveEcho(1);
    await order('lost');
    expect((await ask(server)).status).toBe(502);
    await went(server, 'failed', 'loading', 'failed', 'loading', 'failed');
    const reasons = server.lines.flatMap(({ state, reason }) => (state === 'failed' ? [String(reason)] : []));
    expect(reasons.at(-1)).toMatch(/^Opening device 0 failed: .* it starts again in /);
    await order();
    await went(server, 'failed', 'loading', 'ready');
    expect(await answer(server)).toBe('\n\n\n');
    await endsClean(server);
  });

  test('computes no further layer of a prompt whose client has gone', async () => {
    const { server, order, control, report } = await serveEcho(1);
    await order('hold bmrt_launch_tensor_ex@block_0');
    const controller = new AbortController();
    const asked = ask(server, {}, controller.signal);
    await expect.poll(() => existsSync(`${control}.held`), { timeout: 20_000 }).toBe(true);
    controller.abort();
    await expect(asked).rejects.toThrow();
    // The server has seen the end of that connection when it answers on later ones.
    for (let at = 0; at < 3; at++) await fetch(`${server.url}/health`);
    await order();
    await server.line(({ status }) => status === 499);
    await endsClean(server);
    const { launches } = JSON.parse(await readFile(report, 'utf8')) as { launches: string[] };
    expect(launches).toEqual(['0:embedding', '0:block_0']);
  });

  test('tells what its driver does of memory, load, temperature and power, in the units of metrics', async () => {
    const { server } = await serveEcho(1);
    const shown = async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return text.split('\n').filter((line) => line.startsWith('backplane_device_'));
    };
    // Asked with the instance's health, every few seconds. The board's temperature is what this driver does not know.
    await expect
      .poll(shown, { timeout: 25_000, interval: 200 })
      .toEqual([
        'backplane_device_memory_bytes{backend="sophon",device="0",kind="total"} 8589934592',
        'backplane_device_memory_bytes{backend="sophon",device="0",kind="used"} 1073741824',
        'backplane_device_utilization_ratio{backend="sophon",device="0"} 0.37',
        'backplane_device_temperature_celsius{backend="sophon",device="0",sensor="chip"} 61',
        'backplane_device_power_watts{backend="sophon",device="0"} 12.5',
      ]);
    await endsClean(server);
  });
});
