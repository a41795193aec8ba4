import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from './load.ts';
import { answered, freePort, root, type Setting, type Subject, start } from './subject.ts';

const python = join(root, '.cache/bench-python/bin/python');

/** llama.cpp's own server with the same settings; undefined where the Python that holds it is not installed. */
export async function upstream(setting: Setting): Promise<Subject | undefined> {
  const installed = await access(python).then(
    () => true,
    () => false,
  );
  if (!installed) return undefined;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = start(python, [join(root, 'bench/upstream.py'), JSON.stringify({ ...setting, port })]);
  await answered(`${url}/health`, child);
  return {
    name: 'upstream',
    pid: child.process.pid as number,
    run: (job) => load(url, job, setting.shape.vocabulary),
    stop: child.stop,
  };
}
