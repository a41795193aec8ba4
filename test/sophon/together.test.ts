import { expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { complete, describeSophon, expected, patience, request, serveSophon, sophonModel } from './simulator.ts';

const mixed = ['text', 'another text', 'image', 'system'] as const;
const texts = ['text', 'another text', 'a third text'] as const;

/** All at once, of a model with three instances in three threads. */
async function askTogether(server: RunningServer, names: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(names.map((name) => complete(server, request('tiny', name, { max_tokens: 2 }))));
  return answers.map(({ choices }) => choices[0].message.content);
}

const model = sophonModel('tiny', 'dynamic-bf16', 'instances: 3');
/** Each alone, as float64 computes it. */
const alone = (names: readonly string[]): string[] => names.map((name) => expected(name, 2));

describeSophon('on the simulator, three instances on one chip', () => {
  test(
    'answer together what each answers alone',
    async () => {
      const server = await serveSophon([model]);
      expect(await askTogether(server, mixed)).toEqual(alone(mixed));
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    },
    patience,
  );

  // What the test above is worth: with libbmrt's SHARE_MEM, which the vendor's demos set, it fails.
  test(
    'give wrong answers where they share memory and do not take turns',
    async () => {
      const env = { BACKPLANE_SOPHON_TEST_UNSAFE: 'share_memory,allow_overlap,no_turnstile' };
      const server = await serveSophon([model], { env });
      expect(await askTogether(server, texts)).not.toEqual(alone(texts));
      await server.stop();
    },
    patience,
  );
});
