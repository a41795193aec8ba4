import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Call, Log, Sampling } from '@backplane/core/sdk';
import { SophonInstance } from '../../plugins/sophon-tpu/src/instance.ts';
import { options } from '../../plugins/sophon-tpu/src/options.ts';
import { randomNumbers } from '../../plugins/sophon-tpu/src/random.ts';
import { Sampler } from '../../plugins/sophon-tpu/src/sampling.ts';
import { standIn } from '../../plugins/sophon-tpu/test/native/setup.ts';
import { echoFolder, type Sizes } from '../../plugins/sophon-tpu/test/stand-in/qwen.ts';
import { figure, median, table } from '../table.ts';
import { howToInstall, installed, interpreter } from './python.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const rounds = Number(values.rounds);
const tokens = 400;
/** A 4B model's layers, input, context and vocabulary. */
const sizes: Sizes = { layers: 36, prompt: 1_024, sequence: 2_048, vocabulary: 151_936 };
const goal = 1;

const libraries = standIn();
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** CPU milliseconds per generated token, all threads; the stand-in's launches, which compute next to nothing, included. */
async function ours(): Promise<number> {
  const folder = await echoFolder(sizes);
  const spec = { id: 'echo', directory: folder.path, options: options.parse({ model_dir: folder.path, libraries }) };
  const instance = new SophonInstance(spec, { index: 0, isolation: 'thread', log });
  const signal = new AbortController().signal;
  try {
    await instance.load(signal);
    const call: Call = { id: 'bench', signal, log, media: () => Promise.reject(new Error('no media')) };
    const request = {
      model: 'echo',
      messages: [{ role: 'user' as const, content: 'hi' }],
      extra: {},
      max_tokens: tokens,
    };
    const once = async (): Promise<number> => {
      let before = process.cpuUsage();
      let count = 0;
      for await (const event of instance.chat(request, call)) {
        if (event.type === 'started') before = process.cpuUsage();
        if (event.type === 'text') count += event.tokens ?? 0;
      }
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000 / count;
    };
    await once();
    return median(await Array.fromAsync({ length: rounds }, once));
  } finally {
    await instance.unload();
    await folder.remove();
  }
}

/** The same by a loop in Python with ctypes and numpy, over the same libraries. */
async function theirs(): Promise<number> {
  const folder = await echoFolder(sizes);
  try {
    const script = new URL('tokens.py', import.meta.url).pathname;
    const bmodel = join(folder.path, 'echo.bmodel');
    const printed = execFileSync(interpreter, [script, libraries, bmodel, String(tokens), String(rounds + 1)], {
      encoding: 'utf8',
    });
    return median((JSON.parse(printed.trim().split('\n').at(-1) as string) as number[]).slice(1));
  } finally {
    await folder.remove();
  }
}

/** CPU milliseconds to draw one token from the logits of a whole vocabulary, which look like a model's. */
function drawing(sampling: Sampling): number {
  const { vocabulary = 0 } = sizes;
  const random = randomNumbers(1);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const logits = Float32Array.from({ length: vocabulary }, () => 3 * normal());
  const scratch = new Float32Array(vocabulary);
  const sampler = new Sampler(
    { seed: 1, ...sampling },
    {},
    Array.from({ length: 900 }, (_, id) => id),
    vocabulary,
  );
  const once = (): number => {
    const before = process.cpuUsage();
    for (let count = 0; count < 20; count++) {
      scratch.set(logits);
      sampler.drawn(sampler.draw(scratch));
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000 / 20;
  };
  once();
  return median(Array.from({ length: rounds }, once));
}

const token = await ours();
const python = installed() ? await theirs() : undefined;
if (python === undefined) console.log(`Python is not measured: ${howToInstall}\n`);
const usual: Sampling = { temperature: 0.7, top_k: 20, top_p: 0.8 };
console.log(
  `CPU time per generated token, medians of ${rounds} rounds, 36 layers, 151,936 words; launches are the stand-in's.\n`,
);
const rows: (readonly [what: string, ms: number | undefined])[] = [
  ['a step, Backplane', token],
  ['a step, Python (ctypes, numpy)', python],
  ['drawing from logits: top_k 20, top_p 0.8', drawing(usual)],
  ['drawing from logits: and a repetition penalty', drawing({ ...usual, repetition_penalty: 1.1 })],
  ['drawing from logits: top_p 0.8 alone', drawing({ temperature: 0.7, top_p: 0.8 })],
  ['drawing from logits: temperature alone', drawing({ temperature: 0.7 })],
];
console.log(
  table(
    ['what', 'ms'],
    rows.map(([what, ms]) => [what, ms === undefined ? '' : figure(ms)]),
  ),
);
if (python !== undefined) console.log(`\nBackplane takes ${figure(token / python)} × Python's time for a step.`);
console.log(`Goal: below ${goal} ms: ${token < goal ? 'met' : 'missed'}.`);
