import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { backplane } from './backplane.ts';
import { boot } from './boot.ts';
import { engine } from './engine.ts';
import { first } from './first.ts';
import { watchMemory } from './memory.ts';
import { modelOf, type Shape, small, tiny } from './shape.ts';
import { type Report, speed } from './speed.ts';
import { root, type Setting, type Subject } from './subject.ts';
import { table } from './table.ts';
import { upstream } from './upstream.ts';

const parts = ['speed', 'first', 'memory', 'boot'];
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: parts.join(',') },
    shapes: { type: 'string', default: 'tiny,0.6B' },
    streams: { type: 'string', default: '1,4,16' },
    threads: { type: 'string', default: '1' },
  },
});
const rounds = Math.max(3, Number(values.rounds));
const only = new Set(values.only.split(','));
const shapes = [tiny, small].filter(({ name }) => values.shapes.split(',').includes(name));
const odd = [...only].find((part) => !parts.includes(part));
if (odd !== undefined || Number.isNaN(rounds) || shapes.length === 0) {
  console.error(
    'Usage: npm run bench -- [--rounds 3] [--only speed,first,memory,boot] [--shapes tiny,0.6B] [--streams 1,4,16] [--threads 1]',
  );
  process.exit(2);
}

const reports: Report[] = [];
function tell(report: Report): void {
  reports.push(report);
  console.log(`\n## ${report.title}\n\n${report.text}`);
}

async function measure(shape: Shape): Promise<void> {
  const setting: Setting = {
    shape,
    path: await modelOf(shape, join(root, '.cache/bench')),
    slots: 16,
    context: 1_024,
    threads: Number(values.threads),
    flashAttention: shape !== tiny,
  };
  const subjects: Subject[] = [];
  try {
    subjects.push(await backplane(setting), await engine(setting));
    const peer = await upstream(setting);
    if (peer) subjects.push(peer);
    else console.log('\nskipped: upstream (docs/performance.md says how to install it)');
    const memory = watchMemory(shape, subjects);
    if (only.has('speed')) tell(await speed(shape, subjects, rounds, values.streams.split(',').map(Number)));
    if (only.has('first')) tell(await first(shape, subjects, rounds));
    if (only.has('memory')) tell(memory());
  } finally {
    for (const subject of subjects) await subject.stop();
  }
}

console.log(`${rounds} interleaved rounds, medians; threads ${values.threads} for every engine.`);
if (only.size > 1 || !only.has('boot')) for (const shape of shapes) await measure(shape);
if (only.has('boot')) tell(await boot(Math.max(5, rounds)));
const goals = reports.flatMap((report) => report.goals);
if (goals.length > 0) {
  const rows = goals.map(({ what, bar, figure, met }) => [what, bar, figure, met ? 'met' : 'missed']);
  console.log(`\n## Goals\n\n${table(['goal', 'bar', 'this run', ''], rows)}`);
}
