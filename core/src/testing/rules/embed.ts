import { given, must, type Rule } from '../rule.ts';

const tasks = ['embed'] as const;

/** Batches of another size may round differently. */
const tolerance = 1e-3;

export const embed: readonly Rule[] = [
  {
    name: 'embed-one-vector-per-input',
    sentence: 'Embeddings come one for each input, all of one length, of finite numbers, and their tokens are counted',
    tasks,
    after: ['load-once-resolves-with-facts', 'has-a-task'],
    async run(trial) {
      const model = await trial.model();
      const input = [...model.prompts, model.prompts[0]];
      const { vectors, usage } = await model.embed(input);
      must(vectors.length === input.length, `${input.length} inputs got ${vectors.length} vectors`);
      const length = vectors[0]?.length ?? 0;
      must(length > 0, 'the vectors are empty');
      for (const vector of vectors) {
        must(vector instanceof Float32Array, 'a vector is not a Float32Array');
        must(vector.length === length, `one vector has ${length} numbers and another ${vector.length}`);
        must(vector.every(Number.isFinite), 'a vector has a number that is not finite');
      }
      must(usage.promptTokens >= input.length, `usage says ${usage.promptTokens} tokens for ${input.length} inputs`);
    },
  },
  {
    name: 'embed-is-repeatable',
    sentence: 'An input has the same embedding again, alone and beside others, and another input has another',
    tasks,
    after: ['embed-one-vector-per-input'],
    async run(trial) {
      const model = await trial.model();
      const together = (await model.embed(model.prompts)).vectors;
      for (const [at, prompt] of model.prompts.entries()) {
        const [alone] = (await model.embed([prompt])).vectors;
        const apart = distance(alone as Float32Array, together[at] as Float32Array);
        must(apart <= tolerance, `input ${at} has another embedding when it is alone: they are ${apart} apart`);
      }
      given(new Set(model.prompts).size > 1, 'there is one prompt only');
      const [first, second] = together as [Float32Array, Float32Array];
      must(distance(first, second) > 0, 'two different inputs have the same embedding');
    },
  },
];

/** Euclidean, relative to the length of the first. */
function distance(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((x, at) => x - (b[at] ?? 0))) / (Math.hypot(...a) || 1);
}
