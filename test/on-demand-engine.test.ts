import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat } from './chat.ts';
import { describeMlx, engines, groupOf, mlxModel, processes, tinyMlx } from './mlx/engine.ts';
import { type RunningServer, serve, tinyModel } from './server.ts';

/** What two models with room for one say to each other's callers, and what is left of the one that went. */
async function takeTurns(server: RunningServer, running: () => readonly number[]): Promise<void> {
  const says = async (model: string): Promise<string> => {
    const answer = await chat(server.url, 'Say something.', { model, max_tokens: 8, temperature: 0 });
    expect(answer.status).toBe(200);
    const { choices } = (await answer.json()) as { choices: readonly { message: { content: string } }[] };
    return choices[0]?.message.content ?? '';
  };
  expect(running()).toEqual([]);
  const first = await says('a');
  const [one, ...others] = running();
  expect(one).toBeDefined();
  expect(others).toEqual([]);
  expect(await says('b')).toBe(first);
  const [two, ...more] = running();
  expect(two).not.toBe(one);
  expect(more).toEqual([]);
  // Those who come together wait for each other, and each gets its answer.
  expect(await Promise.all(['a', 'b', 'a', 'b'].map(says))).toEqual([first, first, first, first]);
  expect(running()).toHaveLength(1);
}

describe('two llamacpp models that fit into memory one at a time', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const model = (id: string): string =>
      `  - { id: ${id}, backend: llamacpp, reasoning: raw, on_demand: true, memory: 30MB, options: { path: ${tinyModel} } }\n`;
    server = await serve(
      `memory: { budget: 50MB }\nplugins: ["@backplane/llamacpp"]\nmodels:\n${model('a')}${model('b')}`,
    );
  });
  afterAll(() => server.stop());

  test('are a process each, and never two', async () => {
    const engine = / ?backplane [ab]#0/;
    await takeTurns(server, () =>
      processes()
        .filter(({ parent, command }) => parent === server.pid && engine.test(command))
        .map(({ pid }) => pid),
    );
  });
});

describeMlx('two mlx models that fit into memory one at a time', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const model = (id: string): string => mlxModel(id, tinyMlx, '', 'reasoning: raw, on_demand: true, memory: 90MB');
    server = await serve(`memory: { budget: 100MB }\nplugins: ["@backplane/mlx"]\nmodels:\n${model('a')}${model('b')}`);
  });
  afterAll(() => server.stop());

  test('are an mlx_lm.server each, of which nothing is left when it was unloaded', async () => {
    await takeTurns(server, () => engines(server).map(({ pid }) => pid));
    const [engine] = engines(server);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(groupOf(engine?.group as number)).toEqual([]);
  });
});
