import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { frameBudget } from '../../plugins/sophon-tpu/src/frames.ts';
import { type PixelBudget, smartResize } from '../../plugins/sophon-tpu/src/smart-resize.ts';
import { figure, median, table } from '../table.ts';
import { howToInstall, installed, Python } from './python.ts';
import { type Prepared, prepare, type Stage, type Task } from './task.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(values.rounds);
if (!(rounds >= 3)) {
  console.error('Usage: npm run bench:sophon -- [--rounds 15]');
  process.exit(2);
}
if (!installed()) {
  console.log(`skipped: no Python with Pillow and numpy to measure against; ${howToInstall}`);
  process.exit(0);
}

/** What deployment E's model takes: 768x768 pixels, 1,024 tokens. */
const model: PixelBudget = { minPixels: 4_096, maxPixels: 768 * 768 };
const sources: readonly { readonly size: readonly [number, number]; readonly frames: number }[] = [
  { size: [4000, 3000], frames: 1 },
  { size: [1920, 1080], frames: 1 },
  { size: [1280, 720], frames: 1 },
  { size: [640, 480], frames: 1 },
  { size: [1280, 720], frames: 12 },
];
const goal = 0.5;

const folder = await mkdtemp(join(tmpdir(), 'backplane-sophon-'));
const python = new Python();
try {
  const tasks: Task[] = [];
  for (const { size, frames } of sources) {
    const [width, height] = size;
    const file = join(folder, `${width}x${height}.jpg`);
    await python.picture(file, size);
    const share = { ratio: 0.5, totalPixels: (1_024 - 128) * 1_024 };
    const to = smartResize({ width, height }, frames === 1 ? model : frameBudget(frames, model, share));
    tasks.push({
      name: `${frames === 1 ? '' : `${frames} × `}${width}x${height} → ${to.width}x${to.height}`,
      file,
      to,
      frames,
    });
  }
  console.log(
    `CPU time, medians of ${rounds} rounds that take turns. Pillow 12.0.0, numpy 2.4.6, Node ${process.versions.node}.\n`,
  );
  const ratios: number[] = [];
  const rows: string[][] = [];
  for (const task of tasks) {
    const { ours, theirs } = await measure(task);
    const ratio = median(ours.map((mine, round) => preparing(mine) / preparing(theirs[round] as Prepared)));
    ratios.push(ratio);
    const cells = (samples: readonly Prepared[]) =>
      (['decode', 'resize', 'patches', 'positions'] satisfies Stage[]).map((stage) =>
        milliseconds(samples, (each) => each[stage]),
      );
    rows.push([task.name, 'backplane', ...cells(ours), milliseconds(ours, preparing), ratio.toFixed(2)]);
    rows.push(['', 'python', ...cells(theirs), milliseconds(theirs, preparing), '']);
  }
  const head = ['picture', 'ms by', 'decode', 'resize', 'patches', 'positions', 'all but decode', 'backplane takes ×'];
  console.log(table(head, rows));
  const worst = Math.max(...ratios);
  console.log(
    `\nGoal: at most ${goal} × Python's time after decoding: ${worst <= goal ? 'met' : 'missed'} (worst ${worst.toFixed(2)}).`,
  );
} finally {
  python.stop();
  await rm(folder, { recursive: true });
}

async function measure(task: Task): Promise<{ ours: readonly Prepared[]; theirs: readonly Prepared[] }> {
  const [mine, other] = [await prepare(task, true), await python.prepare(task, true)];
  if (mine.sha256 !== other.sha256) throw new Error(`${task.name}: Python and Backplane made different tensors.`);
  for (let round = 0; round < 12; round++) await prepare(task, false);
  const ours: Prepared[] = [];
  const theirs: Prepared[] = [];
  for (let round = 0; round < rounds; round++) {
    theirs.push(await python.prepare(task, false));
    ours.push(await prepare(task, false));
  }
  return { ours, theirs };
}

/** What is left when the picture is decoded, µs. */
function preparing({ resize, patches, positions }: Prepared): number {
  return resize + patches + positions;
}

function milliseconds(samples: readonly Prepared[], of: (sample: Prepared) => number): string {
  return figure(median(samples.map(of)) / 1_000);
}
