import { expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { contentOf, OldDocument, streamed } from './document.ts';
import { describeWithPython } from './python.ts';

/** The programs of deployment A's document, run at a server that serves `qwen3-14b` with its thinking in the text. */
export function mlxMacClients(server: () => RunningServer): void {
  const document = new OldDocument('A-mlx-mac.md');
  const chat = document.find('bash', '"max_tokens": 2048');
  const stream = document.find('bash', '"stream": true');
  const sdk = document.find('python', 'from openai import OpenAI');
  const filter = document.find('python', 're.sub(');
  // How the old server was started and stopped.
  document.find('bash', 'launchctl kickstart');

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  test('curl gets an answer with its thinking in it', async () => {
    expect(contentOf(await document.printed(chat, server()))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  test('curl gets a stream to its end', async () => {
    expect(streamed(await document.printed(stream, server()))).toMatch(/^<think>\n[^<]+<\/think>\n\n\S/);
  });

  describeWithPython('with Python', () => {
    test('the OpenAI SDK gets an answer and a stream', async () => {
      expect((await document.printed(sdk, server())).match(/<think>/g)).toHaveLength(2);
    });

    test('the filter that it recommends leaves the answer and no tag', async () => {
      const text = contentOf(await document.printed(chat, server()));
      const code = `import json\ntext = json.loads(${JSON.stringify(JSON.stringify(text))})\n${filter.code}print(text)\n`;
      const left = await document.printed({ ...filter, code }, server());
      expect(left).not.toMatch(/<\/?think>/);
      expect(text.endsWith(left.trimEnd())).toBe(true);
    });
  });
}
