import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = new URL('../..', import.meta.url).pathname;

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };

/** What `npm start` runs, word by word: node, its flags, cli.ts, serve, the config. */
export const command: readonly string[] = scripts.start.replace(/^.*\bexec /, '').split(' ');
