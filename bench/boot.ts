import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Form, startBackplane } from './backplane.ts';
import { atMost } from './goal.ts';
import type { Report } from './speed.ts';
import { answered, root } from './subject.ts';
import { figure, median, table } from './table.ts';
import { ProcessTree } from './tree.ts';

/** From exec to the first 200 of /health with neither plugins nor models, and the memory then. */
export async function boot(rounds: number): Promise<Report> {
  const built = await access(join(root, 'core/dist/cli.js')).then(
    () => true,
    () => false,
  );
  const forms: readonly Form[] = built ? ['source', 'dist'] : ['source'];
  const ms = new Map<Form, number[]>(forms.map((form) => [form, []]));
  const mb = new Map<Form, number[]>(forms.map((form) => [form, []]));
  for (let round = 0; round < rounds; round++) {
    for (const form of forms) {
      const server = await startBackplane('plugins: []\nmodels: []\n', form);
      ms.get(form)?.push(await answered(`${server.url}/health`, server.child, 2));
      mb.get(form)?.push(new ProcessTree(server.child.process.pid as number).memory().rss);
      await server.stop();
    }
  }
  const rows = forms.map((form) => [form, figure(median(ms.get(form) ?? [])), figure(median(mb.get(form) ?? []))]);
  const best = forms.at(-1) as Form;
  return {
    title: 'Start without models',
    text: table(['form', 'exec to 200, ms', 'RSS, MB'], rows) + (built ? '' : '\n\nnot measured: dist (npm run build)'),
    goals: [
      atMost(`no models: exec to 200, ${best}`, 400, 'ms', median(ms.get(best) ?? [])),
      atMost(`no models: RSS, ${best}`, 90, 'MB', median(mb.get(best) ?? [])),
    ],
  };
}
