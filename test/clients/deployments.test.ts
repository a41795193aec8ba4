import { beforeAll, describe, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { contentOf, OldDocument, streamed } from './document.ts';
import { describeWithPython } from './python.ts';
import { qwen3Clients } from './qwen3-32b.ts';
import { config, serveForAll, tiny } from './served.ts';

/** The programs ask for random answers, of which a model this small gives an empty one now and then; its likeliest are not. */
const likeliest = 'top_k: 1';

describe('deployment A, one Mac with Qwen3-14B', () => {
  const document = new OldDocument('A-mlx-mac.md');
  const chat = document.find('bash', '"max_tokens": 2048');
  const stream = document.find('bash', '"stream": true');
  const sdk = document.find('python', 'from openai import OpenAI');
  const filter = document.find('python', 're.sub(');
  // How the old server was started and stopped.
  document.find('bash', 'launchctl kickstart');

  let server: RunningServer;
  beforeAll(async () => {
    // The document asks for 2,048 tokens of answer, and the built-in model has no more than that for prompt and answer.
    const room = { context_size: 4_096 };
    const more = `aliases: [qwen3-14b], reasoning: raw, defaults: { ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more, room)));
  });

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  test('curl gets an answer with its thinking in it', async () => {
    expect(contentOf(await document.printed(chat, server))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  test('curl gets a stream to its end', async () => {
    expect(streamed(await document.printed(stream, server))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  describeWithPython('with Python', () => {
    test('the OpenAI SDK gets an answer and a stream', async () => {
      expect((await document.printed(sdk, server)).match(/<think>/g)).toHaveLength(2);
    });

    test('the filter that it recommends leaves the answer and no tag', async () => {
      const text = contentOf(await document.printed(chat, server));
      const code = `import json\ntext = json.loads(${JSON.stringify(JSON.stringify(text))})\n${filter.code}print(text)\n`;
      const left = await document.printed({ ...filter, code }, server);
      expect(left).not.toMatch(/<\/?think>/);
      expect(text.endsWith(left.trimEnd())).toBe(true);
    });
  });
});

describe('deployment D, Qwen3-32B in this process', () => {
  let server: RunningServer;
  beforeAll(async () => {
    // As the table of request parameters says.
    const more = `aliases: [Qwen3-32B], defaults: { max_tokens: 16, temperature: 1.0, top_p: 1.0, ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more)));
  });
  qwen3Clients(() => server);
});
