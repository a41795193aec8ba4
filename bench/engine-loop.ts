import { getLlama, type LlamaContextSequence, LlamaLogLevel, type Token } from 'node-llama-cpp';
import type { Timing } from './load.ts';
import type { Setting } from './subject.ts';

/** What the child of `engine.ts` runs: node-llama-cpp with nothing around it. */
const setting = JSON.parse(process.argv[2] as string) as Setting;
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  maxThreads: 0,
  logLevel: LlamaLogLevel.error,
});
const model = await llama.loadModel({ modelPath: setting.path, defaultContextFlashAttention: setting.flashAttention });
const context = await model.createContext({
  contextSize: setting.context,
  sequences: setting.slots,
  threads: setting.threads,
  flashAttention: setting.flashAttention,
});
const sequences = Array.from({ length: setting.slots }, () => context.getSequence());

process.on('message', async ({ prompts, tokens }: { prompts: Token[][]; tokens: number }) => {
  const begin = performance.now();
  const firstMs = await Promise.all(
    prompts.map((prompt, at) => evaluate(sequences[at] as LlamaContextSequence, prompt, tokens, begin)),
  );
  process.send?.({ wallMs: performance.now() - begin, firstMs } satisfies Timing);
});
process.send?.('ready');

async function evaluate(
  sequence: LlamaContextSequence,
  prompt: Token[],
  tokens: number,
  begin: number,
): Promise<number> {
  await sequence.clearHistory();
  let count = 0;
  let firstMs = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, topK: null as never, topP: 1, minP: 0 })) {
    if (count++ === 0) firstMs = performance.now() - begin;
    if (count === tokens) break;
  }
  if (count !== tokens) throw new Error(`the engine ended after ${count} tokens of ${tokens}`);
  return firstMs;
}
