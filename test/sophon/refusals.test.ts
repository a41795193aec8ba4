import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { describeSophon, patience, post, request, serveSophon, sophonModel } from './simulator.ts';

describeSophon('what cannot be answered is refused before the chip is asked', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await serveSophon([sophonModel('tiny', 'static-bf16'), sophonModel('drawing', 'history')]);
  }, patience);
  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  }, patience);

  const refused = async (body: object) => {
    const response = await post(server, body);
    const { error } = (await response.json()) as { error: { message: string; code: string; param: string | null } };
    return { status: response.status, ...error };
  };

  test('a prompt longer than the model was compiled for, with both numbers', async () => {
    const content = 'x'.repeat(60);
    expect(await refused({ model: 'tiny', messages: [{ role: 'user', content }] })).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringMatching(/at most 64 tokens, and this one has 7\d/),
    });
  });

  test('a prompt and an answer that are too long together', async () => {
    expect(await refused(request('tiny', 'text', { max_tokens: 112 }))).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
      message: expect.stringContaining('17 and max_tokens asks for 112 more (129 together)'),
    });
  });

  test('a way of drawing that a model without logits does not have, by its name', async () => {
    for (const [name, value] of Object.entries({ temperature: 0.5, top_p: 0.5, seed: 1, logprobs: true })) {
      expect(await refused(request('tiny', 'text', { [name]: value }))).toMatchObject({
        status: 400,
        code: 'unsupported_parameter',
        param: name,
      });
    }
  });

  test('a bias of a token that the vocabulary does not have', async () => {
    expect(await refused(request('drawing', 'text', { logit_bias: { 512: 1 } }))).toMatchObject({
      status: 400,
      param: 'logit_bias',
      message: expect.stringContaining('0 to 511'),
    });
  });

  test('a picture that is none', async () => {
    const url = `data:image/png;base64,${Buffer.from('no picture').toString('base64')}`;
    const content = [{ type: 'image_url', image_url: { url } }];
    expect(await refused({ model: 'tiny', messages: [{ role: 'user', content }] })).toMatchObject({
      status: 400,
      code: 'media_rejected',
    });
  });
});
