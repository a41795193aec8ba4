import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'plist';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configSchema } from '../../core/src/config/schema.ts';
import { stream } from '../chat.ts';
import { describeMlx, engines, groupOf, mlxConfig, mlxModel, until } from '../mlx/engine.ts';
import { writeScriptedMlx } from '../scripted/mlx.ts';
import { folder, type LogLine } from '../server.ts';
import { command, root } from './command.ts';

interface Agent {
  readonly Label: string;
  readonly ProgramArguments: readonly string[];
  readonly WorkingDirectory: string;
  readonly EnvironmentVariables: Readonly<Record<string, string>>;
  readonly RunAtLoad: boolean;
  readonly KeepAlive: { readonly SuccessfulExit: boolean };
  readonly ThrottleInterval: number;
  readonly ExitTimeOut: number;
  readonly ProcessType: string;
  readonly SoftResourceLimits: { readonly NumberOfFiles: number };
  readonly StandardOutPath: string;
  readonly StandardErrorPath: string;
}

const text = readFileSync(join(root, 'deploy/launchd/com.backplane.plist'), 'utf8');
/** The plist as the page installs it: for one user's home. */
const agent = (home: string, checkout = join(home, 'backplane')) =>
  parse(text.replaceAll('/Users/YOU/backplane', checkout).replaceAll('/Users/YOU', home)) as unknown as Agent;

describe('deploy/launchd/com.backplane.plist', () => {
  const plist = agent('/Users/me');

  test('runs what npm start runs, from a checkout, with a config of its own', () => {
    const args = plist.ProgramArguments.map((each) => each.replace('/Users/me/backplane/', ''));
    expect(args).toEqual(['node_modules/.bin/node', ...command.slice(1, -1), '/Users/me/.backplane/config.yaml']);
    for (const file of args.filter((each) => /^(?:core|node_modules)\//.test(each))) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
  });

  test('starts at login, again after a crash, not after a stop that was asked for, and not in a frenzy', () => {
    expect(plist).toMatchObject({ Label: 'com.backplane', RunAtLoad: true, KeepAlive: { SuccessfulExit: false } });
    expect(plist.ThrottleInterval).toBeGreaterThanOrEqual(10);
  });

  test('gives running calls their time before SIGKILL', () => {
    const grace = configSchema.parse({}).server.shutdown_grace;
    // What the slower of the two engines of docs/mlx.md is given.
    expect(plist.ExitTimeOut * 1_000).toBeGreaterThan(grace + 10_000 + 5_000);
  });

  test('names every folder in full, since launchd knows no home and no PATH', () => {
    const paths = [plist.WorkingDirectory, plist.StandardOutPath, plist.StandardErrorPath, plist.ProgramArguments[0]];
    for (const path of paths) expect(path).toMatch(/^\/Users\/me\//);
    expect(plist.EnvironmentVariables.PATH?.split(':')).toEqual(
      expect.arrayContaining(['/opt/homebrew/bin', '/usr/bin']),
    );
    expect(text).not.toMatch(/~\/|\$HOME/);
  });

  test('carries no secret, which every user of the machine could read', () => {
    expect(Object.keys(plist.EnvironmentVariables)).toEqual(['PATH', 'NODE_COMPILE_CACHE']);
    expect(plist.ProgramArguments.join(' ')).not.toMatch(/key|token|secret/i);
  });
});

describeMlx('Backplane as launchd runs it', () => {
  let home: string;
  let server: ChildProcess | undefined;
  beforeAll(async () => {
    home = await folder({});
    const endless = join(home, 'endless');
    await writeScriptedMlx(endless, { chain: [' on', ' and'], loop: true, contextLength: 10_000_000 });
    await mkdir(join(home, '.backplane/logs'), { recursive: true });
    await symlink(join(root, 'node_modules'), join(home, '.backplane/node_modules'));
    await writeFile(join(home, '.backplane/config.yaml'), `server: { port: 0 }\n${mlxConfig(mlxModel('m', endless))}`);
  });
  afterAll(() => {
    server?.kill('SIGKILL');
    return rm(home, { recursive: true });
  });

  test('finishes a running stream after launchctl kill SIGTERM, exits with 0 and leaves no engine', async () => {
    const plist = agent(home, root.replace(/\/$/, ''));
    const log = openSync(plist.StandardOutPath, 'a');
    const [file, ...args] = plist.ProgramArguments as [string, ...string[]];
    // The environment of an agent: what launchd sets for everyone, and the plist.
    const env = { HOME: home, USER: 'me', SHELL: '/bin/sh', ...plist.EnvironmentVariables };
    server = spawn(file, args, { cwd: plist.WorkingDirectory, env, stdio: ['ignore', log, log] });
    closeSync(log);
    const exited = once(server, 'exit');
    const lines = (): LogLine[] =>
      readFileSync(plist.StandardOutPath, 'utf8')
        .split('\n')
        .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
    let url = '';
    await until(() => {
      url = (lines().find((line) => typeof line.url === 'string')?.url as string | undefined)?.replace('/v1', '') ?? '';
      return url !== '';
    });
    await until(async () => (await fetch(`${url}/ready`)).ok);
    const [engine] = engines({ pid: server.pid as number });

    let told = false;
    const onData = (body: string) => {
      if (!told && body.includes(' and')) server?.kill('SIGTERM');
      told ||= body.includes(' and');
    };
    const answer = await stream(url, 'go', { max_tokens: 1_000 }, { onData });
    expect(answer).toMatchObject({ done: true, whole: true });
    expect(answer.text.split(/(?= )/)).toHaveLength(1_000);
    expect(await exited).toEqual([0, null]);
    expect(engine).toBeDefined();
    expect(groupOf(engine?.group as number)).toEqual([]);
    expect(lines().at(-1)?.msg).toBe('Backplane has stopped');
  });
});
