import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../subject.ts';
import { figure, table } from '../table.ts';
import { ProcessTree } from '../tree.ts';
import { type Gateway, mock, open } from './gateway.ts';
import { goalsOf } from './goals.ts';
import { backplane, folderOf, peers } from './kinds.ts';
import { partsOf } from './parts.ts';
import { Results } from './results.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    gateways: { type: 'string' },
    form: { type: 'string', default: 'source' },
    quick: { type: 'boolean', default: false },
  },
});
const all = partsOf(values.quick);
const only = values.only?.split(',') ?? all.map(({ name }) => name);
const names = values.gateways?.split(',') ?? (values.quick ? ['nginx', 'vllm-router'] : peers.map(({ name }) => name));
const rounds = Number(values.rounds);
const { form } = values;
if (
  !only.every((name) => all.some((part) => part.name === name)) ||
  !names.every((name) => peers.some((peer) => peer.name === name)) ||
  !(rounds >= 1) ||
  (form !== 'source' && form !== 'dist')
) {
  console.error(
    `Usage: npm run bench:router -- [--quick] [--rounds 3] [--form source|dist]
  [--only ${all.map(({ name }) => name).join(',')}]
  [--gateways ${peers.map(({ name }) => name).join(',')}]`,
  );
  process.exit(2);
}

const kinds = [...peers.filter(({ name }) => names.includes(name)), backplane(form)];
const directory = await mkdtemp(join(tmpdir(), 'backplane-router-'));
const running: Gateway[] = [];
const weigh = ({ pid }: Gateway): number => (pid === undefined ? 0 : new ProcessTree(pid).memory().pss);

async function begin(): Promise<void> {
  const upstream = await mock(await freePort());
  running.push(upstream);
  for (const kind of kinds) {
    try {
      const folder = await folderOf(kind, directory);
      const launch = async () => open(kind, await freePort(), upstream.url, folder);
      // What Python and Node compile, a first start keeps for later ones, which are the ones that are measured.
      await (await launch())?.stop();
      const gateway = await launch();
      if (gateway) running.push(gateway);
      else console.log(`skipped: ${kind.name} is not installed (${kind.source})`);
    } catch (thrown) {
      console.log(`skipped: ${kind.name}: ${(thrown as Error).message}`);
    }
  }
}

/** Until what compiles has compiled: a gateway runs for months. */
const warmMs: Readonly<Record<string, number>> = { json: 8_000, burst: 8_000, paced: 4_000, wide: 4_000, many: 4_000 };

async function measure(): Promise<void> {
  const idle = new Map(running.map((gateway) => [gateway.name, weigh(gateway)]));
  const results: Results[] = [];
  for (const part of all.filter(({ name }) => only.includes(name))) {
    const result = new Results(part);
    await result.warm(running, warmMs[part.name] ?? 500);
    for (let round = 0; round < rounds; round++) await result.round(running);
    results.push(result);
    console.log(`\n## ${part.title}\n\n${result.text()}`);
  }
  const rest = running.filter(({ pid }) => pid !== undefined);
  const memory = new Map(
    rest.map((gateway) => [gateway.name, { idle: idle.get(gateway.name) ?? 0, loaded: weigh(gateway) }]),
  );
  const rows = rest.map(({ name, startMs }) => {
    const { idle: before, loaded } = memory.get(name) ?? { idle: 0, loaded: 0 };
    return [name, figure(before), figure(loaded), figure(startMs)];
  });
  console.log(
    `\n## Memory and start\n\n${table(['gateway', 'idle PSS, MB', 'loaded PSS, MB', 'exec to first 200, ms'], rows)}`,
  );
  const own = rest.find(({ name }) => name === 'backplane');
  const goals = own ? goalsOf(results, { ...memory.get('backplane'), startMs: own.startMs }) : [];
  const lines = goals.map(({ what, bar, figure: value, met }) => [what, bar, value, met ? 'met' : 'missed']);
  if (lines.length > 0) console.log(`\n## Goals\n\n${table(['goal', 'bar', 'this run', ''], lines)}`);
}

console.log(`${rounds} interleaved rounds, medians; ratios of the same round.`);
try {
  await begin();
  await measure();
} finally {
  for (const gateway of running.reverse()) await gateway.stop();
  await rm(directory, { recursive: true, force: true });
}
