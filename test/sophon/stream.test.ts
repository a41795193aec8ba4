import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import {
  complete,
  describeSophon,
  expectCase,
  expected,
  patience,
  post,
  request,
  serveSophon,
  sophonModel,
} from './simulator.ts';

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
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (let text = ''; !/"content":"\w/.test(text); ) text += new TextDecoder().decode((await reader.read()).value);
      controller.abort();
      const line = await server.line(({ status }) => status === 499);
      // 100 tokens would be minutes; what was begun when the client went may end.
      expect(line.completion_tokens).toBeLessThan(4);
      const { choices } = await complete(server, request('tiny', 'text', { max_tokens: 2 }));
      expect(choices[0].message.content).toBe(expected('text', 2));
    },
    patience,
  );

  test(
    'or while its prompt is computed: no token is, and the next answer is right',
    async () => {
      const controller = new AbortController();
      const asked = post(server, request('tiny', 'image', { stream: true }), controller.signal);
      await server.line(({ msg, pictures }) => msg === 'computing the prompt' && pictures === 1);
      controller.abort();
      await expect(asked).rejects.toThrow();
      const line = await server.line(({ status, ttft_ms }) => status === 499 && ttft_ms === undefined);
      expect(line).not.toHaveProperty('completion_tokens');
      await expectCase(server, 'tiny', 'another text');
    },
    patience,
  );
});
