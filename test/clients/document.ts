import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { folder, type RunningServer } from '../server.ts';
import { type Program, programsOf } from './programs.ts';
import { type Ended, execute, python } from './python.ts';

const commands: Readonly<Record<string, readonly [command: string, file: string]>> = {
  bash: ['bash', 'program.sh'],
  shell: ['bash', 'program.sh'],
  python: [python, 'program.py'],
  // A file that ends in .js and belongs to no package is CommonJS, as D's require() wants it.
  javascript: [process.execPath, 'program.js'],
  // What uses import and top-level await.
  module: [process.execPath, 'program.mjs'],
};

/**
 * What operators wrote down for the servers that Backplane takes the place of: the programs in it, to be run as they are,
 * with the old server's address replaced by this one's.
 */
export class OldDocument {
  readonly programs: readonly Program[];
  readonly #used = new Set<Program>();
  #directory = '';

  /** To be made in a `describe`: it brings a folder for the programs. */
  constructor(name: string) {
    this.programs = programsOf(readFileSync(new URL(`documents/${name}`, import.meta.url), 'utf8'));
    beforeAll(async () => {
      this.#directory = await folder({});
    });
    afterAll(() => rm(this.#directory, { recursive: true }));
  }

  /** The one block that has these parts in its text; it counts as tried. */
  find(language: string, ...parts: readonly string[]): Program {
    const found = this.programs.filter(
      (each) => each.language === language && parts.every((part) => each.code.includes(part)),
    );
    expect(found, parts.join(' … ')).toHaveLength(1);
    this.#used.add(found[0] as Program);
    return found[0] as Program;
  }

  get untried(): readonly Program[] {
    return this.programs.filter((program) => !this.#used.has(program));
  }

  /** Runs a block as a user would: saved in a file, at this server. */
  async run(program: Program, server: RunningServer, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const [command, file] = commands[program.language] as readonly [string, string];
    await writeFile(join(this.#directory, file), aimed(program.code, server));
    return execute(command, [file], this.#directory, env);
  }

  /** Runs a block that must succeed; returns what it printed. */
  async printed(program: Program, server: RunningServer, env?: Readonly<Record<string, string>>): Promise<string> {
    const { code, stdout, stderr } = await this.run(program, server, env);
    expect(code, stderr).toBe(0);
    expect(stdout.trim(), stderr).not.toBe('');
    return stdout;
  }
}

/** Old addresses: this machine's, the private ones of deployment C, and the variables of B with the port behind them. */
function aimed(code: string, server: RunningServer): string {
  const { host, port } = new URL(server.url);
  return code
    .replaceAll(/(?:localhost|127\.0\.0\.1|172\.32\.1\.6[123]):8(?:787|000|899)/g, host)
    .replaceAll(/(\{\$\w+\}|\$\{\w+\}):8000/gi, `$1:${port}`);
}

/** The text of a plain answer as curl prints it. */
export function contentOf(json: string): string {
  const { choices } = JSON.parse(json) as { choices: { message: { content: string }; finish_reason: string }[] };
  return choices[0]?.message.content ?? '';
}

/** The text of a streamed answer as curl prints it, which must be whole. */
export function streamed(output: string): string {
  const events = output.trim().split('\n\n');
  expect(events.length).toBeGreaterThan(10);
  expect(events.at(-1)).toBe('data: [DONE]');
  return events
    .slice(0, -1)
    .map((event) => {
      expect(event).toMatch(/^data: \{/);
      return JSON.parse(event.slice('data: '.length)).choices[0]?.delta.content ?? '';
    })
    .join('');
}
