import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { complete, describeSophon, expected, patience, post, request, serveSophon, sophonModel } from './simulator.ts';

interface Chunk {
  readonly choices: readonly [{ readonly delta: { readonly content?: string } }?];
  readonly usage?: object;
}

describeSophon('on the simulator, a stream', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serveSophon([sophonModel('tiny', 'static-bf16')]);
  }, patience);
  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  }, patience);

  test(
    'brings each token as soon as it is there, and says at the end what was used',
    async () => {
      const body = request('tiny', 'text', { max_tokens: 3, stream: true, stream_options: { include_usage: true } });
      const text = await (await post(server, body)).text();
      const chunks = text
        .split('\n\n')
        .flatMap((event) => (event.startsWith('data: {') ? [JSON.parse(event.slice(6))] : []));
      const pieces = (chunks as Chunk[]).map(({ choices: [choice] }) => choice?.delta.content ?? '').filter(Boolean);
      // One word of two letters per token.
      expect(pieces.map(({ length }) => length)).toEqual([2, 2, 2]);
      expect(pieces.join('')).toBe(expected('text'));
      expect((chunks as Chunk[]).at(-1)?.usage).toMatchObject({ prompt_tokens: 17, completion_tokens: 3 });
      expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    },
    patience,
  );

  test(
    'ends on the chip too when the client goes in the middle of it, and the next answer is right',
    async () => {
      const controller = new AbortController();
      const response = await post(
        server,
        request('tiny', 'text', { max_tokens: 100, stream: true }),
        controller.signal,
      );
      for await (const piece of response.body as AsyncIterable<Uint8Array>) {
        if (!new TextDecoder().decode(piece).includes('"content":"')) continue;
        controller.abort();
        break;
      }
      const line = await server.line(({ status }) => status === 499);
      // 100 tokens would be minutes; what was begun when the client went may end.
      expect(line.completion_tokens).toBeLessThan(4);
      const { choices } = await complete(server, request('tiny', 'text', { max_tokens: 2 }));
      expect(choices[0].message.content).toBe(expected('text', 2));
    },
    patience,
  );
});
