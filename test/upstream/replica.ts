import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A small OpenAI-compatible server to be killed: a process of its own, on the port that is its first argument. Says
 * twenty words, a few milliseconds each, after thinking for a moment, as an engine does.
 */
const words = Array.from({ length: 20 }, (_, i) => `word${i} `);
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json').end('{}');
    return;
  }
  let body = '';
  for await (const data of request) body += data;
  const { stream } = JSON.parse(body) as { stream?: boolean };
  if (stream) {
    // As vLLM does: the head goes out before there is a first token.
    response.setHeader('content-type', 'text/event-stream').flushHeaders();
    await sleep(40);
    for (const content of words) {
      response.write(chunk({ content }));
      await sleep(4);
    }
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
  } else {
    await sleep(80);
    const message = { role: 'assistant', content: words.join('') };
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        id: 'c',
        object: 'chat.completion',
        model: 'm',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
      }),
    );
  }
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
