import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeNative, play, standIn } from './setup.ts';

async function says(env: Record<string, string>, actions = ['device']): Promise<string> {
  const { results } = await play(actions, { env });
  expect(results.at(-1)).toMatchObject({ fault: 'library', fatal: true });
  return (results.at(-1) as { message: string }).message;
}

describeNative('what the addon needs', () => {
  test('is missed in a sentence, with every place that was looked at', async () => {
    const message = await says({ BACKPLANE_SOPHON_LIBRARIES: '' });
    expect(message).toMatch(
      /^libbmlib\.so\.0 and libbmrt\.so\.1\.0 were not found\. Looked in: \/opt\/sophon\/libsophon-current\/lib \(/,
    );
    expect(message).toMatch(
      /; the loader's search \(.*\)\. Install libsophon, or name their folder in options\.libraries$/,
    );
  });

  test('is looked for in the named folder only, when there is one', async () => {
    const message = await says({ BACKPLANE_SOPHON_LIBRARIES: '/nowhere' });
    expect(message).toContain('Looked in: /nowhere (/nowhere/libbmlib.so.0: cannot open shared object file');
    expect(message).not.toContain("the loader's search");
  });

  test('is one copy for the process', async () => {
    const message = await says({}, ['device', 'libraries /elsewhere']);
    expect(message).toMatch(/^This process uses the libraries of .*stand-in.* already, and a process has one copy\./);
  });

  test('is listed where a library lacks it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backplane-native-'));
    try {
      await copyFile(join(standIn(), 'libbmlib.so.0'), join(folder, 'libbmlib.so.0'));
      const source = 'extern "C" void* bmrt_create(void*) { return nullptr; }';
      execFileSync('g++', ['-shared', '-fPIC', '-x', 'c++', '-', '-o', join(folder, 'libbmrt.so.1.0')], {
        input: source,
      });
      expect(await says({ BACKPLANE_SOPHON_LIBRARIES: folder })).toBe(
        `libbmlib and libbmrt of ${folder} lack bmrt_destroy, bmrt_load_bmodel, bmrt_get_network_number, bmrt_get_network_names, bmrt_get_network_info, bmrt_launch_tensor_ex. Install a libsophon that has them`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('includes the addon itself, with the command that builds it', async () => {
    expect(await says({ BACKPLANE_SOPHON_ADDON: '/nowhere/sophon.node' })).toBe(
      "The native addon /nowhere/sophon.node is not there: it was not built. Run npm run build:native in Backplane's folder, or native/build.sh of the package @backplane/sophon-tpu; they need g++",
    );
  });

  test('prints to stderr, so that stdout has our lines alone', async () => {
    const { stdout, stderr } = await play(['device']);
    expect(stderr).toContain("stand-in: vendor's chatter on stdout");
    expect(stdout).toBe('["done"]\n');
  });

  test('has a device of that number', async () => {
    const { results } = await play(['device 4']);
    expect(results[0]).toMatchObject({
      fault: 'device',
      message: 'Device 4 is not there: the driver has 1, counted from 0. Look at /dev/bm* and options.device',
    });
  });

  test('tells what the driver tells of the chip, and nothing else', async () => {
    const { results } = await play(['chip', 'stat']);
    expect(results).toEqual([
      0x1686,
      { memoryTotalMB: 8192, memoryUsedMB: 1024, utilizationPercent: 37, chipCelsius: 61, tpuWatts: 12.5 },
    ]);
  });
});
