import { loadavg } from 'node:os';
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
import { howToInstall, installed, PythonProgram } from './python.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const rounds = Number(values.rounds);
const tokens = 400;
/** A 4B model's layers, input, context and vocabulary. */
const sizes: Sizes = { layers: 36, prompt: 1_024, sequence: 2_048, vocabulary: 151_936 };
const goal = 1;

const libraries = standIn();
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** CPU milliseconds per generated token of a round, all threads; the stand-in's launches, which compute next to nothing, included. */
type Round = () => Promise<number>;

async function measure(): Promise<{ readonly ours: number[]; readonly theirs: number[] }> {
  const folder = await echoFolder(sizes);
  const bmodel = join(folder.path, 'echo.bmodel');
  const spec = { id: 'echo', directory: folder.path, options: options.parse({ model_dir: folder.path, libraries }) };
  const instance = new SophonInstance(spec, { index: 0, isolation: 'thread', log });
  const python = installed() ? new PythonProgram('tokens.py', [libraries, bmodel, String(tokens)]) : undefined;
  try {
    await instance.load(new AbortController().signal);
    const mine = backplane(instance);
    const other = python && (() => python.ask<number>({}));
    const [ours, theirs]: [number[], number[]] = [[], []];
    // A round until compilers are warm.
    for (let round = -1; round < rounds; round++) {
      const [a, b] = [await mine(), await other?.()];
      if (round < 0) continue;
      ours.push(a);
      if (b !== undefined) theirs.push(b);
    }
    return { ours, theirs };
  } finally {
    python?.stop();
    await instance.unload();
    await folder.remove();
  }
}

function backplane(instance: SophonInstance): Round {
  const { signal } = new AbortController();
  const call: Call = { id: 'bench', signal, log, media: () => Promise.reject(new Error('no media')) };
  const messages = [{ role: 'user' as const, content: 'hi' }];
  return async () => {
    let before = process.cpuUsage();
    let count = 0;
    for await (const event of instance.chat({ model: 'echo', messages, extra: {}, max_tokens: tokens }, call)) {
      if (event.type === 'started') before = process.cpuUsage();
      if (event.type === 'text') count += event.tokens ?? 0;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000 / count;
  };
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

const { ours, theirs } = await measure();
const token = median(ours);
const python = theirs.length > 0 ? median(theirs) : undefined;
if (python === undefined) console.log(`Python is not measured: ${howToInstall}\n`);
const usual: Sampling = { temperature: 0.7, top_k: 20, top_p: 0.8 };
console.log(
  `CPU time per generated token, medians of ${rounds} rounds that take turns, 36 layers, 151,936 words; launches are the stand-in's. Load ${loadavg()[0]?.toFixed(1)}.\n`,
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
if (python !== undefined) {
  const ratio = median(ours.map((mine, round) => mine / (theirs[round] as number)));
  console.log(`\nBackplane takes ${figure(ratio)} × Python's time for a step.`);
}
console.log(`Goal: below ${goal} ms: ${token < goal ? 'met' : 'missed'}.`);
