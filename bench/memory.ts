import type { Shape } from './shape.ts';
import type { Report } from './speed.ts';
import type { Subject } from './subject.ts';
import { figure, table } from './table.ts';
import { ProcessTree } from './tree.ts';

type Memory = ReturnType<ProcessTree['memory']>;

/** Takes the subjects' memory now; the report comes when the load is over. */
export function watchMemory(shape: Shape, subjects: readonly Subject[]): () => Report {
  const weigh = () => subjects.map(({ pid }) => new ProcessTree(pid).memory());
  const idle = weigh();
  return () => {
    const loaded = weigh();
    const cells = (memory: Memory | undefined) =>
      memory ? [figure(memory.rss), figure(memory.pss), figure(memory.private)] : [];
    const rows = subjects.map(({ name }, at) => [name, ...cells(idle[at]), ...cells(loaded[at])]);
    const head = ['subject', 'idle RSS', 'PSS', 'private', 'loaded RSS', 'PSS', 'private'];
    return { title: `Memory of the process tree, MB, ${shape.name} shape`, text: table(head, rows), goals: [] };
  };
}
