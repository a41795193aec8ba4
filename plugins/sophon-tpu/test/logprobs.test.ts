import { describe, expect, it } from 'vitest';
import { Logprobs, Sampler } from '../src/sampling.ts';
import { qwen } from './model.ts';

const ln = Math.log;

describe('log probabilities', () => {
  it("are the model's own, before penalties and temperature, and sum to 1", () => {
    const values = Float32Array.from([ln(0.5), ln(0.3), ln(0.2)]);
    const known = new Logprobs(values, qwen.tokenizer);
    new Sampler({ repetition_penalty: 2, temperature: 0 }, {}, [0], 3).draw(values);
    expect(known.of(1, 0).logprob).toBeCloseTo(ln(0.3), 5);
    const { top_logprobs: top } = known.of(2, 2);
    expect(top.map(({ logprob }) => Math.exp(logprob).toFixed(3))).toEqual(['0.500', '0.300']);
    expect(known.of(0, 0)).toMatchObject({ token: '!', bytes: [33], top_logprobs: [] });
  });

  it('of a token that is a part of a character have its bytes, and U+FFFD for a text', () => {
    const [part = 0] = qwen.tokenizer.encode('龘');
    const known = new Logprobs(new Float32Array(qwen.vocabulary), qwen.tokenizer);
    const { token, bytes } = known.of(part, 0);
    expect(token).toContain('\uFFFD');
    expect(bytes).toEqual([...Buffer.from('龘').subarray(0, bytes?.length)]);
  });

  it('of a token that cannot come are what OpenAI sends', () => {
    const known = new Logprobs(Float32Array.from([0, Number.NEGATIVE_INFINITY]), qwen.tokenizer);
    expect(known.of(1, 0).logprob).toBe(-9_999);
  });
});
