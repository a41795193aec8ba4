import { appendFile } from 'node:fs/promises';
import { type BenchOptions, BenchUsageError, benchUsage, readOptions } from './bench/options.ts';
import type { Outcome } from './bench/outcome.ts';
import { BenchClient } from './bench/request.ts';
import { type BenchResult, resultOf, table } from './bench/result.ts';

/** Where `--silent` puts the result: the name that deployment E's tester had for it. */
const logFile = 'concurrent_test.log';

/**
 * Runs `backplane bench` with the words after it. Returns the exit code: 0 all requests succeeded, 1 some failed or none
 * could be made, 2 the command line is wrong.
 */
export async function bench(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  // Replaces the arguments in the process list, where a key may stand.
  process.title = 'backplane bench';
  let options: BenchOptions | 'help';
  try {
    options = readOptions(words, env);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (!(thrown instanceof BenchUsageError) && !code?.startsWith('ERR_PARSE_ARGS')) throw thrown;
    process.stderr.write(`${message}\n\n${benchUsage}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(benchUsage);
    return 0;
  }
  const client = new BenchClient(options);
  try {
    const model = options.model ?? (await client.firstModel());
    const { base, concurrent, cases, timeoutMs, json, silent } = options;
    const head = `${cases} requests for ${options.clean(model)} at ${base}, ${concurrent} at a time, ${timeoutMs / 1_000} s each.\n`;
    if (!silent && !json) process.stdout.write(`${head}\n`);
    const result = await measure(client, options, model);
    const shown = json ? `${JSON.stringify(result, null, 2)}\n` : table(result);
    if (!silent) process.stdout.write(shown);
    else await appendFile(logFile, json ? shown : `${new Date().toISOString()} ${head}\n${shown}\n`);
    return result.failed === 0 ? 0 : 1;
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}\n`);
    return 1;
  } finally {
    await client.close();
  }
}

/** Makes all requests, so many at a time that each that ends lets the next begin. */
async function measure(client: BenchClient, options: BenchOptions, model: string): Promise<BenchResult> {
  const { base, cases, clean } = options;
  const concurrent = Math.min(options.concurrent, cases);
  const outcomes: Outcome[] = [];
  let next = 1;
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (next <= cases) outcomes.push(await client.chat(model, next++));
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  const seconds = (performance.now() - began) / 1_000;
  return resultOf({ url: base, model: clean(model), concurrent, seconds }, outcomes);
}
