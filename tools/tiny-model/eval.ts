/**
 * Asks a GGUF file every question of eval_set.py, greedily, and compares word for word.
 * Exit code 1 when a kind of question falls below its floor.
 *
 *     node eval.ts ../../models/backplane-tiny-Q8_0.gguf build/eval.json [build/results.json]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

interface Question {
  readonly kind: string;
  readonly ask: string;
  readonly prompt: string;
  readonly expect: string;
}

/** The part of node-llama-cpp that is used here; the llamacpp plugin depends on the package, not this folder. */
interface Engine {
  getLlama(options: object): Promise<{ loadModel(options: { modelPath: string }): Promise<Model> }>;
}
interface Model {
  tokenize(text: string, specialTokens: boolean): readonly number[];
  detokenize(tokens: readonly number[], specialTokens: boolean): string;
  createContext(options: object): Promise<{ getSequence(): Sequence }>;
}
interface Sequence {
  clearHistory(): Promise<void>;
  evaluate(tokens: readonly number[], options: { temperature: number }): AsyncIterable<number>;
}

/** Percent word for word that a new model must reach to replace the committed one. */
const floors: Readonly<Record<string, number>> = {
  'trained question, first form': 100,
  'trained paraphrase': 98,
  dialog: 100,
  'tool call get_weather': 93,
};
const longestAnswer = 500;

const [modelPath, questionsPath, resultsPath] = process.argv.slice(2);
if (!modelPath || !questionsPath) {
  console.error('usage: node eval.ts MODEL.gguf QUESTIONS.json [RESULTS.json]');
  process.exit(2);
}

const plugin = createRequire(new URL('../../plugins/llamacpp/package.json', import.meta.url));
const engine: Engine = await import(pathToFileURL(plugin.resolve('node-llama-cpp')).href);
const llama = await engine.getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  progressLogs: false,
  logLevel: 'warn',
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 2048, sequences: 1, threads: 1, flashAttention: false });
const sequence = context.getSequence();

const questions: readonly Question[] = JSON.parse(await readFile(questionsPath, 'utf8'));
const kinds: Record<string, { asked: number; verbatim: number; percent: number }> = {};
const wrong: object[] = [];
let tokens = 0;
const start = performance.now();
for (const { kind, ask, prompt, expect } of questions) {
  await sequence.clearHistory();
  const answer: number[] = [];
  for await (const token of sequence.evaluate(model.tokenize(prompt, true), { temperature: 0 })) {
    answer.push(token);
    if (answer.length >= longestAnswer) break;
  }
  tokens += answer.length;
  const got = model.detokenize(answer, true);
  kinds[kind] ??= { asked: 0, verbatim: 0, percent: 0 };
  const score = kinds[kind];
  score.asked += 1;
  if (got === expect) score.verbatim += 1;
  else wrong.push({ kind, ask, got, expect });
  score.percent = Number(((100 * score.verbatim) / score.asked).toFixed(1));
}

console.table(kinds);
console.log(`${tokens} tokens, ${Math.round((tokens / (performance.now() - start)) * 1e3)} tokens/s`);
if (resultsPath) await writeFile(resultsPath, JSON.stringify({ kinds, wrong }, null, 1));
const below = Object.entries(floors).filter(([kind, floor]) => (kinds[kind]?.percent ?? 0) < floor);
for (const [kind, floor] of below)
  console.error(`${kind}: ${kinds[kind]?.percent ?? 0} % is below the floor of ${floor} %`);
// node-llama-cpp keeps the event loop alive
process.exit(below.length > 0 ? 1 : 0);
