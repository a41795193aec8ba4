import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { complete, describeSophon, expectCase, patience, request, serveSophon, sophonModel } from './simulator.ts';

describeSophon('on the simulator, a model with history', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serveSophon([sophonModel('tiny', 'history')]);
  }, patience);
  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  }, patience);

  const greedy = { temperature: 0 };

  test(
    'computes of the second turn of a chat only what is new, and answers as if it had computed all',
    async () => {
      await expectCase(server, 'tiny', 'text', greedy);
      const { usage } = await expectCase(server, 'tiny', 'second turn', greedy);
      // The first prompt, and its answer but for the last token, which nothing came after.
      expect(usage.prompt_tokens_details?.cached_tokens).toBe(17 + 2);
    },
    patience,
  );

  test(
    'looks at a picture of an earlier turn again only when it is another one',
    async () => {
      await complete(server, request('tiny', 'image', { ...greedy, max_tokens: 1 }));
      const { usage } = await expectCase(server, 'tiny', 'second turn after an image', greedy);
      expect(usage.prompt_tokens_details?.cached_tokens).toBe(23);
    },
    patience,
  );

  test(
    'draws by a seed, and tells log probabilities of what it drew',
    async () => {
      const drawn = { temperature: 1.5, seed: 11, logprobs: true, top_logprobs: 2, max_tokens: 2 };
      const body = request('tiny', 'text', drawn);
      const { choices } = await complete(server, body);
      const told = choices[0].logprobs?.content ?? [];
      expect(told.map(({ token }) => token).join('')).toBe(choices[0].message.content);
      for (const { logprob } of told) expect(logprob).toBeLessThan(0);
      expect((await complete(server, body)).choices).toEqual(choices);
    },
    patience,
  );
});
