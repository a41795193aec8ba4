import { copyFile, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backplane, folder } from '../server.ts';
import { cache, describeSophon, libraries } from './simulator.ts';

interface Told {
  readonly found: readonly { by: string; status: string; what: string; fix?: string }[];
}

describeSophon('backplane doctor for sophon-tpu', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await folder({});
    const from = join(cache, 'models/static-bf16');
    await mkdir(join(cwd, 'model'));
    for (const file of await readdir(from)) await copyFile(join(from, file), join(cwd, 'model', file));
  });
  afterAll(() => rm(cwd, { recursive: true }));

  async function doctor(options = ''): Promise<Told['found']> {
    const its = `{ model_dir: ./model, ${options} }`;
    const models = `models: [{ id: m, backend: sophon, options: ${its} }]\n`;
    await writeFile(join(cwd, 'config.yaml'), `server: { port: 0 }\nplugins: ["@backplane/sophon-tpu"]\n${models}`);
    // The vendor's library writes to standard output; what the doctor says there must be JSON all the same.
    const { stdout } = await backplane(['doctor', '--json'], { cwd });
    return (JSON.parse(stdout) as Told).found.filter(({ by }) => by === 'sophon-tpu');
  }

  test('says which chip a device is, and that the files of a model are there', async () => {
    expect(await doctor(`libraries: ${libraries}`)).toEqual([
      { by: 'sophon-tpu', status: 'ok', what: expect.stringMatching(/^Device 0 is a BM1684X\b/) },
      { by: 'sophon-tpu', status: 'ok', what: "m: tiny.bmodel and its model's files are there." },
    ]);
  });

  test('says where it looked for the libraries, and what to do', async () => {
    const [device] = await doctor('libraries: ./nowhere');
    expect(device?.status).toBe('problem');
    expect(device?.what).toMatch(/libbmrt.* not found.*nowhere.*options\.libraries/s);
  });

  test('says that a bmodel was cut on its way, or is not there', async () => {
    await truncate(join(cwd, 'model/tiny.bmodel'), 100_000);
    const [, cut] = await doctor(`libraries: ${libraries}`);
    expect(cut).toMatchObject({ status: 'problem', what: expect.stringMatching(/^m: .*it was cut or damaged/) });
    await rm(join(cwd, 'model/tiny.bmodel'));
    const [, gone] = await doctor(`libraries: ${libraries}`);
    expect(gone).toMatchObject({ status: 'problem', what: expect.stringContaining('has no .bmodel; put it there') });
  });
});
