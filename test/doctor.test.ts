import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { backplane, folder } from './server.ts';

/** A plugin that looks at its models: what it says is what their options say. */
const plugin = `
import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

export default definePlugin({
  name: 'looking',
  apiVersion: 1,
  config: z.strictObject({ token: z.string().default('') }),
  setup(context, { token }) {
    context.backend('looking', {
      options: z.strictObject({ status: z.enum(['ok', 'warning', 'problem', 'throw']).default('ok') }),
      create: () => ({ load: async () => { throw new Error('doctor loads nothing'); }, unload: async () => {} }),
    });
    context.examine(async ({ models }) => models.map(({ id, backend, options: { status } }) => {
      if (status === 'throw') throw new Error('the engine room is locked with ' + token);
      return { status, what: id + ' of ' + backend + ' was looked at.', ...(status !== 'ok' && { fix: 'Look again with ' + token + '.' }) };
    }));
  },
});
`;

const config = (...statuses: readonly string[]) => `
server: { port: 0 }
plugins: [{ use: ./looking.ts, config: { token: "\${TOKEN:-none}" } }]
models:
${statuses.map((status, i) => `  - { id: m${i}, backend: looking, options: { status: ${status} } }`).join('\n')}
`;

async function doctor(text: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const cwd = await folder({ 'config.yaml': text, 'looking.ts': plugin });
  const ended = await backplane(['doctor', ...args], { cwd, env });
  await rm(cwd, { recursive: true });
  return ended;
}

interface Told {
  readonly ok: boolean;
  readonly found: readonly { by: string; status: string; what: string; fix?: string }[];
}

describe('backplane doctor', () => {
  test('says what it looked at, and ends with 0 when nothing is missing', async () => {
    const { code, stdout } = await doctor(config('ok', 'ok'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {7}core: This is Node\.js \d+/);
    expect(stdout).toContain('ok       core: config.yaml is right: 2 models.');
    expect(stdout).toContain('ok       looking: m0 of looking was looked at.');
    expect(stdout).toContain('ok       looking: m1 of looking was looked at.');
    expect(stdout).toMatch(/\nAll of this can be served\. Problems: 0, warnings: 0\.\n$/);
  });

  test('says how to get what is missing, and ends with 1', async () => {
    const { code, stdout } = await doctor(config('ok', 'problem'));
    expect(code).toBe(1);
    expect(stdout).toContain('problem  looking: m1 of looking was looked at.\n         → Look again with none.');
    expect(stdout).toMatch(/Not all of this can be served as it is\. Problems: 1, warnings: 0\.\n$/);
  });

  test('ends with 0 when there is nothing but warnings', async () => {
    expect(await doctor(config('warning'))).toMatchObject({ code: 0, stderr: '' });
  });

  test('goes on when a plugin cannot look', async () => {
    const { code, stdout } = await doctor(config('throw'));
    expect(code).toBe(1);
    expect(stdout).toContain('problem  looking: It could not be found out what this plugin needs: the engine room is');
  });

  test('shows no value of the environment, whatever a plugin says', async () => {
    for (const status of ['throw', 'problem']) {
      const { stdout, stderr } = await doctor(config(status), [], { TOKEN: 'a-token-of-the-operator' });
      expect(stdout + stderr).not.toContain('a-token-of-the-operator');
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as config.yaml has it
      expect(stdout).toContain('with ${TOKEN}');
    }
  });

  test('tells programs in JSON', async () => {
    const { code, stdout } = await doctor(config('problem'), ['--json']);
    expect(code).toBe(1);
    const { ok, found } = JSON.parse(stdout) as Told;
    expect(ok).toBe(false);
    expect(found.at(-1)).toEqual({
      by: 'looking',
      status: 'problem',
      what: 'm0 of looking was looked at.',
      fix: 'Look again with none.',
    });
  });

  test('says what is wrong with the file, in its place, before it asks plugins', async () => {
    const { code, stdout } = await doctor(config('oak'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/problem {2}core: config\.yaml:5:\d+ {2}models\[0\]\.options\.status: must be one of/);
    expect(stdout).not.toContain('looking: m0');
  });

  test('says that the port is in use', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) =>
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)),
    );
    const { code, stdout } = await doctor(config('ok').replace('port: 0', `port: ${port}`));
    taken.close();
    expect(code).toBe(1);
    expect(stdout).toContain(`problem  core: Port ${port} on 127.0.0.1 is in use.\n         → Stop what listens there`);
  });
});
