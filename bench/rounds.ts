import type { Job } from './load.ts';
import type { Subject } from './subject.ts';
import { ProcessTree } from './tree.ts';

/** One job in one round. */
export interface Sample {
  readonly wallMs: number;
  /** CPU time of the subject's processes, µs. */
  readonly cpuUs: number;
  readonly firstMs: readonly number[];
}

/** Runs a job on every subject in turn, `rounds` times, so that a change of the machine's mood meets them all. */
export async function interleave(
  subjects: readonly Subject[],
  job: Job,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map<string, Sample[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      const tree = new ProcessTree(subject.pid);
      const before = tree.cpu();
      const { wallMs, firstMs } = await subject.run(job);
      samples.get(subject.name)?.push({ wallMs, firstMs, cpuUs: tree.cpu() - before });
    }
  }
  return samples;
}
