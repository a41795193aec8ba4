import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folder, type RunningServer } from '../server.ts';
import { type Program, programsOf } from './programs.ts';
import { describeWithPython, type Ended, execute, python } from './python.ts';
import { config, serveForAll, tiny } from './served.ts';

/** What operators wrote down for the servers that Backplane takes the place of. Their clients must go on working as they are. */
function document(name: string): readonly Program[] {
  return programsOf(readFileSync(new URL(`documents/${name}`, import.meta.url), 'utf8'));
}

/** The programs ask for random answers, of which a model this small gives an empty one now and then; its likeliest are not. */
const likeliest = 'top_k: 1';

let directory: string;
beforeAll(async () => {
  directory = await folder({});
});
afterAll(() => rm(directory, { recursive: true }));

const commands: Readonly<Record<string, readonly [command: string, file: string]>> = {
  bash: ['bash', 'program.sh'],
  python: [python, 'program.py'],
  // A file that ends in .js and belongs to no package is CommonJS, as the document's require() wants it.
  javascript: [process.execPath, 'program.js'],
};

/** Runs a block as a user would: saved in a file, with the old server's address replaced by this one's. */
async function run(program: Program, server: RunningServer): Promise<Ended> {
  const [command, file] = commands[program.language] as readonly [string, string];
  const code = program.code.replaceAll(/localhost:8(?:787|000)/g, new URL(server.url).host);
  await writeFile(join(directory, file), code);
  return execute(command, [file], directory);
}

/** Runs a block that must succeed; returns what it printed. */
async function printed(program: Program, server: RunningServer): Promise<string> {
  const { code, stdout, stderr } = await run(program, server);
  expect(code, stderr).toBe(0);
  expect(stdout.trim(), stderr).not.toBe('');
  return stdout;
}

function contentOf(json: string): string {
  const { choices } = JSON.parse(json) as { choices: { message: { content: string }; finish_reason: string }[] };
  return choices[0]?.message.content ?? '';
}

/** The text of a streamed answer as curl prints it, which must be whole. */
function streamed(output: string): string {
  const events = output.trim().split('\n\n');
  expect(events.length).toBeGreaterThan(10);
  expect(events.at(-1)).toBe('data: [DONE]');
  return events
    .slice(0, -1)
    .map((event) => {
      expect(event).toMatch(/^data: \{/);
      return JSON.parse(event.slice('data: '.length)).choices[0].delta.content ?? '';
    })
    .join('');
}

/** Finds a block by a part of its text, and remembers that it was used. */
function finder(programs: readonly Program[]) {
  const used = new Set<Program>();
  return {
    used,
    find(language: string, ...parts: readonly string[]): Program {
      const found = programs.filter(
        (each) => each.language === language && parts.every((part) => each.code.includes(part)),
      );
      expect(found, parts.join(' … ')).toHaveLength(1);
      used.add(found[0] as Program);
      return found[0] as Program;
    },
  };
}

describe('deployment A, one Mac with Qwen3-14B', () => {
  const programs = document('A-mlx-mac.md');
  const { find, used } = finder(programs);
  const chat = find('bash', '"max_tokens": 2048');
  const stream = find('bash', '"stream": true');
  const sdk = find('python', 'from openai import OpenAI');
  const filter = find('python', 're.sub(');
  // How the old server was started and stopped.
  find('bash', 'launchctl kickstart');

  let server: RunningServer;
  beforeAll(async () => {
    // The document asks for 2,048 tokens of answer, and the built-in model has no more than that for prompt and answer.
    const room = { context_size: 4_096 };
    const more = `aliases: [qwen3-14b], reasoning: raw, defaults: { ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more, room)));
  });

  test('has no block that is not tried here', () => {
    expect(programs.filter((program) => !used.has(program))).toEqual([]);
  });

  test('curl gets an answer with its thinking in it', async () => {
    expect(contentOf(await printed(chat, server))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  test('curl gets a stream to its end', async () => {
    expect(streamed(await printed(stream, server))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  describeWithPython('with Python', () => {
    test('the OpenAI SDK gets an answer and a stream', async () => {
      expect((await printed(sdk, server)).match(/<think>/g)).toHaveLength(2);
    });

    test('the filter that it recommends leaves the answer and no tag', async () => {
      const text = contentOf(await printed(chat, server));
      const code = `import json\ntext = json.loads(${JSON.stringify(JSON.stringify(text))})\n${filter.code}print(text)\n`;
      const left = await printed({ ...filter, code }, server);
      expect(left).not.toMatch(/<\/?think>/);
      expect(text.endsWith(left.trimEnd())).toBe(true);
    });
  });
});

describe('deployment D, Qwen3-32B behind vLLM', () => {
  const programs = document('D-qwen3-32b.md');
  const { find, used } = finder(programs);
  const health = find('bash', 'curl http://localhost:8000/health');
  const models = find('bash', 'curl http://localhost:8000/v1/models');
  const chat = find('bash', '"max_tokens": 150');
  const dialog = find('bash', '能给我举个具体例子吗？');
  const stream = find('bash', '"stream": true');
  const requests = find('python', 'def chat_with_qwen');
  const sdk = find('python', 'def chat_completion');
  const sdkStream = find('python', 'def stream_chat');
  const fetched = find('javascript', 'await fetch(');
  const axios = find('javascript', "require('axios')");
  const batch = find('python', 'async def batch_chat');
  const robust = find('python', 'def robust_chat');
  const performance = find('python', 'def performance_test');
  // Request lines, a message's shape, three sets of values, and how the old server was looked after.
  for (const [language, part] of [
    ['bash', 'GET /health'],
    ['bash', 'GET /v1/models'],
    ['bash', 'POST /v1/chat/completions\n'],
    ['json', '"user|assistant|system"'],
    ['python', '# 快速响应（较短回复）'],
    ['bash', '# 查看实时日志'],
    ['bash', '# 检查服务状态'],
    ['bash', 'nvidia-smi'],
    ['bash', '# 降低并发数或减少max_tokens参数'],
  ] as const) {
    find(language, part);
  }

  let server: RunningServer;
  beforeAll(async () => {
    // As the table of request parameters says.
    const more = `aliases: [Qwen3-32B], defaults: { max_tokens: 16, temperature: 1.0, top_p: 1.0, ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more)));
  });

  test('has no block that is not tried here', () => {
    expect(programs.filter((program) => !used.has(program))).toEqual([]);
  });

  test('curl gets the health and the list of models', async () => {
    expect(JSON.parse(await printed(health, server))).toMatchObject({ status: 'ok' });
    const { data } = JSON.parse(await printed(models, server)) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toContain('Qwen3-32B');
  });

  test('curl gets an answer to a question and to a dialog', async () => {
    expect(contentOf(await printed(chat, server))).not.toBe('');
    expect(contentOf(await printed(dialog, server))).not.toBe('');
  });

  test('curl gets a stream to its end', async () => {
    expect(streamed(await printed(stream, server))).not.toBe('');
  });

  test('a request that says no max_tokens gets 16', async () => {
    const code = chat.code.replace(/ +"max_tokens": 150,\n/, '');
    expect(code).not.toBe(chat.code);
    expect(JSON.parse(await printed({ ...chat, code }, server))).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 16 },
    });
  });

  test('JavaScript gets an answer with fetch and with axios', async () => {
    await printed(fetched, server);
    await printed(axios, server);
  });

  describeWithPython('with Python', () => {
    test('requests gets an answer', async () => {
      expect(await printed(requests, server)).not.toContain('错误');
    });

    test('the OpenAI SDK gets an answer and a stream', async () => {
      await printed(sdk, server);
      await printed(sdkStream, server);
    });

    test('aiohttp gets a batch of answers', async () => {
      const questions = ['你好', '写一首诗', '什么是机器学习？'].map((content) => [{ role: 'user', content }]);
      const code = `${batch.code}\nimport json\nprint(json.dumps(asyncio.run(batch_chat(${JSON.stringify(questions)}))))\n`;
      const answers = JSON.parse(await printed({ ...batch, code }, server)) as string[];
      expect(answers).toHaveLength(3);
      for (const answer of answers) expect(answer).not.toBe('');
    });

    test('the client that retries gets an answer', async () => {
      const answer = await printed({ ...robust, code: `${robust.code}\nprint(robust_chat("你好"))\n` }, server);
      expect(answer).not.toMatch(/错误|请求超时|失败/);
    });

    test('the performance script counts requests that succeeded, for 2 s instead of 60', async () => {
      const code = performance.code.replace('\nperformance_test()\n', '\nperformance_test(2)\n');
      expect(code).not.toBe(performance.code);
      const report = await printed({ ...performance, code }, server);
      expect(Number(/总请求数: (\d+)/.exec(report)?.[1])).toBeGreaterThan(4);
    });
  });
});
