import { once } from 'node:events';
import { join } from 'node:path';
import { promptOf, type Timing } from './load.ts';
import { root, type Setting, type Subject, start } from './subject.ts';

/** The engine that Backplane runs, alone: no server, no text, no process border. */
export async function engine(setting: Setting): Promise<Subject> {
  const child = start(process.execPath, [join(root, 'bench/engine-loop.ts'), JSON.stringify(setting)], { ipc: true });
  const { process: loop } = child;
  const answer = async (): Promise<Timing> => {
    const over = new AbortController();
    const ended = once(loop, 'close', { signal: over.signal }).then(() => {
      throw new Error(`the engine loop ended:\n${child.output()}`);
    });
    ended.catch(() => {});
    try {
      const [timing] = (await Promise.race([once(loop, 'message', { signal: over.signal }), ended])) as [Timing];
      return timing;
    } finally {
      over.abort();
    }
  };
  await answer();
  return {
    name: 'engine',
    pid: loop.pid as number,
    run: (job) => {
      const prompts = Array.from({ length: job.streams }, () => promptOf(job.prompt, setting.shape.vocabulary));
      loop.send({ prompts, tokens: job.tokens });
      return answer();
    },
    stop: child.stop,
  };
}
