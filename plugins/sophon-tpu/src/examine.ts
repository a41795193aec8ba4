import { fork } from 'node:child_process';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Examination, ExaminedModel, Finding } from '@backplane/core/sdk';
import { checkBmodelHeader } from './bmodel.ts';
import type { Seen } from './look-main.ts';
import { findBmodel } from './model.ts';
import { readModelConfig } from './model-config.ts';
import type { Options } from './options.ts';

/** What `bm_get_chipid` says. */
const chips: Readonly<Record<number, string>> = { 5764: 'BM1684', 5766: 'BM1684X', 5768: 'BM1688' };

/** Whether addon, libraries, devices and the models' files are there. */
export const examine: Examination = async ({ models, signal }) => {
  const found: Finding[] = [];
  const devices = new Set<string>();
  for (const { options, directory } of models) {
    const { device, libraries } = options as Options;
    const folder = libraries === undefined ? undefined : resolve(directory, libraries);
    const name = `${device} by ${folder}`;
    if (devices.has(name)) continue;
    devices.add(name);
    found.push(deviceFinding(device, await look(device, folder, signal)));
  }
  for (const model of models) found.push(await modelFinding(model));
  return found;
};

function deviceFinding(device: number, seen: Seen): Finding {
  if ('trouble' in seen) return { status: 'problem', what: `Device ${device}: ${seen.trouble}` };
  const chip = chips[seen.chip] ?? `0x${seen.chip.toString(16)}`;
  const memory = seen.stat?.memoryTotalMB;
  if (chip === 'BM1684X') {
    return { status: 'ok', what: `Device ${device} is a ${chip}${memory === undefined ? '' : ` with ${memory} MB`}.` };
  }
  return {
    status: 'problem',
    what: `Device ${device} is a ${chip} and no BM1684X.`,
    fix: 'Name another in options.device.',
  };
}

/** What a process that opens the device says of it. */
function look(device: number, libraries: string | undefined, signal: AbortSignal): Promise<Seen> {
  const main = fileURLToPath(new URL(`./look-main${extname(import.meta.url)}`, import.meta.url));
  const child = fork(main, { stdio: 'ignore', signal });
  return new Promise((settle) => {
    child.once('message', (seen) => settle(seen as Seen));
    child.once('error', ({ message }) => settle({ trouble: `it could not be looked at: ${message}.` }));
    child.once('exit', (code, by) =>
      settle({
        trouble: `the process that opened it ended with ${by ?? code}; look at dmesg, and whether bm-smi answers.`,
      }),
    );
    child.send({ device, libraries });
  });
}

async function modelFinding({ id, options, directory }: ExaminedModel): Promise<Finding> {
  const { model_dir, bmodel } = options as Options;
  const folder = resolve(directory, model_dir);
  try {
    await readModelConfig(folder);
    const file = await findBmodel(folder, bmodel);
    checkBmodelHeader(join(folder, file));
    return { status: 'ok', what: `${id}: ${file} and its model's files are there.` };
  } catch (thrown) {
    return { status: 'problem', what: `${id}: ${thrown instanceof Error ? thrown.message : thrown}` };
  }
}
