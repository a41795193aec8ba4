import { expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { contentOf, OldDocument, streamed } from './document.ts';
import { describeWithPython } from './python.ts';

/** The programs of deployment D's document, run at a server that serves `Qwen3-32B`. */
export function qwen3Clients(server: () => RunningServer): void {
  const document = new OldDocument('D-qwen3-32b.md');
  const health = document.find('bash', 'curl http://localhost:8000/health');
  const models = document.find('bash', 'curl http://localhost:8000/v1/models');
  const chat = document.find('bash', '"max_tokens": 150');
  const dialog = document.find('bash', '能给我举个具体例子吗？');
  const stream = document.find('bash', '"stream": true');
  const requests = document.find('python', 'def chat_with_qwen');
  const sdk = document.find('python', 'def chat_completion');
  const sdkStream = document.find('python', 'def stream_chat');
  const fetched = document.find('javascript', 'await fetch(');
  const axios = document.find('javascript', "require('axios')");
  const batch = document.find('python', 'async def batch_chat');
  const robust = document.find('python', 'def robust_chat');
  const performance = document.find('python', 'def performance_test');
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
    document.find(language, part);
  }

  test('has no block that is not tried here', () => {
    expect(document.untried).toEqual([]);
  });

  test('curl gets the health and the list of models', async () => {
    expect(JSON.parse(await document.printed(health, server()))).toMatchObject({ status: 'ok' });
    const { data } = JSON.parse(await document.printed(models, server())) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toContain('Qwen3-32B');
  });

  test('curl gets an answer to a question and to a dialog', async () => {
    expect(contentOf(await document.printed(chat, server()))).not.toBe('');
    expect(contentOf(await document.printed(dialog, server()))).not.toBe('');
  });

  test('curl gets a stream to its end', async () => {
    expect(streamed(await document.printed(stream, server()))).not.toBe('');
  });

  test('a request that says no max_tokens gets 16', async () => {
    const code = chat.code.replace(/ +"max_tokens": 150,\n/, '');
    expect(code).not.toBe(chat.code);
    expect(JSON.parse(await document.printed({ ...chat, code }, server()))).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 16 },
    });
  });

  test('JavaScript gets an answer with fetch and with axios', async () => {
    await document.printed(fetched, server());
    await document.printed(axios, server());
  });

  describeWithPython('with Python', () => {
    test('requests gets an answer', async () => {
      expect(await document.printed(requests, server())).not.toContain('错误');
    });

    test('the OpenAI SDK gets an answer and a stream', async () => {
      await document.printed(sdk, server());
      await document.printed(sdkStream, server());
    });

    test('aiohttp gets a batch of answers', async () => {
      const questions = ['你好', '写一首诗', '什么是机器学习？'].map((content) => [{ role: 'user', content }]);
      const code = `${batch.code}\nimport json\nprint(json.dumps(asyncio.run(batch_chat(${JSON.stringify(questions)}))))\n`;
      const answers = JSON.parse(await document.printed({ ...batch, code }, server())) as string[];
      expect(answers).toHaveLength(3);
      for (const answer of answers) expect(answer).not.toBe('');
    });

    test('the client that retries gets an answer', async () => {
      const answer = await document.printed(
        { ...robust, code: `${robust.code}\nprint(robust_chat("你好"))\n` },
        server(),
      );
      expect(answer).not.toMatch(/错误|请求超时|失败/);
    });

    test('the performance script counts requests that succeeded, for 2 s instead of 60', async () => {
      const code = performance.code.replace('\nperformance_test()\n', '\nperformance_test(2)\n');
      expect(code).not.toBe(performance.code);
      const report = await document.printed({ ...performance, code }, server());
      expect(Number(/总请求数: (\d+)/.exec(report)?.[1])).toBeGreaterThan(4);
    });
  });
}
