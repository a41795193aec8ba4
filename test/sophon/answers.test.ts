import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningServer } from '../server.ts';
import { describeSophon, expectCase, patience, serveSophon, sophonModel, type Variant } from './simulator.ts';

/** Each kind of input on some variant: a simulated second of the chip costs many of ours. */
const asked: Readonly<Record<Variant, readonly string[]>> = {
  'static-bf16': ['text', 'two images'],
  'dynamic-bf16': ['video'],
  'f16-sample': ['image'],
  history: ['long text'],
};

describeSophon('on the simulator, answers are those of the float64 reference', () => {
  for (const [variant, names] of Object.entries(asked) as [Variant, readonly string[]][]) {
    describeSophon(`a ${variant} model`, () => {
      let server: RunningServer;
      beforeAll(async () => {
        server = await serveSophon([sophonModel('tiny', variant)]);
      }, patience);
      afterAll(async () => {
        // The simulator ends the process with 255 where memory of the device was not freed.
        expect(await server.stop()).toEqual({ code: 0, signal: null });
      }, patience);
      // Where a head has logits, answers are drawn unless the request says otherwise.
      const greedy = variant === 'f16-sample' || variant === 'history' ? { temperature: 0 } : {};
      for (const name of names) {
        test(name, async () => void (await expectCase(server, 'tiny', name, greedy)), patience);
      }
    });
  }
});
