import { Failure } from '@backplane/core/sdk';
import type { LlamaContext } from 'node-llama-cpp';

/** What decodes and draws inside a context. The library keeps it to itself: no option reaches in between the two. */
interface Native {
  decodeBatch(): Promise<void>;
  sampleToken(...draw: readonly unknown[]): Promise<unknown>;
}

/**
 * Lets the first draw after each decode end before the others begin. The library draws for all sequences of a batch at
 * once, each on its own thread. llama.cpp computes a batch's rows of logits in an order of its own, and swaps them into
 * the batch's order without a lock when a row is first read (`llama_context::output_reorder`): a draw that reads
 * meanwhile gets the row of another sequence. Throws `backend_failed` when the library has changed inside.
 */
export function orderDraws(context: LlamaContext): void {
  const native = (context as unknown as { _ctx?: Partial<Native> })._ctx;
  if (typeof native?.decodeBatch !== 'function' || typeof native.sampleToken !== 'function') {
    throw new Failure(
      'backend_failed',
      'This version of node-llama-cpp keeps its native context elsewhere, so that calls at once could mix up their ' +
        'tokens: install the version that package.json names',
    );
  }
  const decodeBatch = native.decodeBatch.bind(native);
  const sampleToken = native.sampleToken.bind(native);
  let first: Promise<unknown> | undefined;
  const ordered: Native = {
    decodeBatch: () => {
      first = undefined;
      return decodeBatch();
    },
    sampleToken: (...draw) => {
      const next = () => sampleToken(...draw);
      if (first !== undefined) return first.then(next, next);
      first = next();
      return first;
    },
  };
  for (const [name, value] of Object.entries(ordered)) Object.defineProperty(native, name, { value });
}
