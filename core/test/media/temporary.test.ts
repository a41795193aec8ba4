import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { sweepTemporary, withFile } from '../../src/media/temporary.ts';

const source = new URL('../../src/media/temporary.ts', import.meta.url).href;

test('a temporary file is for this user alone, and gone when it was used, well or not', async () => {
  const modes: string[] = [];
  const use = (path: string): void => {
    modes.push(...[path, dirname(path)].map((name) => (statSync(name).mode & 0o777).toString(8)));
  };
  const paths: string[] = [];
  await withFile(Buffer.from('a'), async (path) => {
    use(path);
    paths.push(path);
  });
  const failed = withFile(Buffer.from('a'), async (path) => {
    paths.push(path);
    throw new Error('broken');
  });
  await expect(failed).rejects.toThrow('broken');
  expect(modes).toEqual(['600', '700']);
  expect(paths.map((path) => existsSync(dirname(path)))).toEqual([false, false]);
});

/** A server of sorts, with a folder for temporary files of its own, that is killed while it has one. */
function killed(folder: string): void {
  const code = `
    const { withFile } = await import(${JSON.stringify(source)});
    await withFile(Buffer.from('a'), async () => process.kill(process.pid, 'SIGKILL'));
  `;
  spawnSync(process.execPath, ['--conditions=@backplane/source', '--input-type=module', '-e', code], {
    env: { ...process.env, TMPDIR: folder },
  });
}

test('what a process that was killed leaves is swept at the next start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sweep-'));
  const before = process.env.TMPDIR;
  try {
    killed(folder);
    const [left = ''] = readdirSync(folder);
    expect(left).toMatch(/^backplane-media-\d+-\d+-/);
    expect(readdirSync(join(folder, left))).toEqual(['media']);

    // One of a process that lives, one of an earlier process that had the same id, and something else altogether.
    const alive = `backplane-media-${process.pid}-`;
    mkdirSync(join(folder, `${alive}1-before`));
    mkdirSync(join(folder, 'backplane-test-1-1-x'));
    writeFileSync(join(folder, 'file'), '');
    process.env.TMPDIR = folder;
    sweepTemporary();
    const expected = ['backplane-test-1-1-x', 'file'];
    expect(readdirSync(folder).sort()).toEqual(
      process.platform === 'linux' ? expected : [`${alive}1-before`, ...expected],
    );
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(folder, { recursive: true });
  }
});

test('the folder of a process that lives stays', async () => {
  await withFile(Buffer.from('a'), async (path) => {
    sweepTemporary();
    expect(existsSync(path)).toBe(true);
  });
});
