import { request } from 'node:http';
import { firstWord } from './shape.ts';

/** Prompt tokens and tokens to generate, per stream. */
export interface Job {
  readonly streams: number;
  readonly prompt: number;
  readonly tokens: number;
}

/** What one round of a job took. */
export interface Timing {
  /** From the first request to the end of the last stream, ms. */
  readonly wallMs: number;
  /** From each request to its first token, ms. */
  readonly firstMs: readonly number[];
}

interface Stream {
  readonly firstMs: number;
}

let prompts = 0;

/** Prompts as token ids. No two begin alike, so that no server's prompt cache can help it. */
export function promptOf(length: number, vocabulary: number): number[] {
  const number = prompts++;
  const words = vocabulary - firstWord;
  return Array.from({ length }, (_, at) => {
    if (at === 0) return firstWord + (number % words);
    return firstWord + ((number * 7_919 + at * 104_729) % words);
  });
}

/** Runs a job against a server's `/v1/completions`. Throws unless every stream is whole: each token, usage, `[DONE]`. */
export async function load(url: string, job: Job, vocabulary: number): Promise<Timing> {
  const bodies = Array.from({ length: job.streams }, () => ({
    model: 'bench',
    prompt: promptOf(job.prompt, vocabulary),
    max_tokens: job.tokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  }));
  const begin = performance.now();
  const streams = await Promise.all(bodies.map((body) => stream(url, JSON.stringify(body), job.tokens)));
  return { wallMs: performance.now() - begin, firstMs: streams.map(({ firstMs }) => firstMs) };
}

function stream(url: string, body: string, tokens: number): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(`${url}/v1/completions`, { method: 'POST', headers, agent: false }, (response) => {
      let firstMs = 0;
      let pieces = 0;
      let counted = 0;
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (firstMs === 0) firstMs = performance.now() - begin;
        const lines = (rest + text).split('\n');
        rest = lines.pop() as string;
        for (const line of lines) {
          if (!line.startsWith('data: ')) continue;
          pieces++;
          // Both servers send `null` until the last chunk.
          const usage = line.lastIndexOf('"completion_tokens":');
          if (usage > 0) counted = Number.parseInt(line.slice(usage + 20), 10);
          if (line === 'data: [DONE]') {
            const whole = counted === tokens && pieces > tokens;
            if (whole) resolve({ firstMs });
            else reject(new Error(`${url} sent ${pieces} events and counted ${counted} tokens of ${tokens}`));
          }
        }
      });
      // After [DONE] this changes nothing.
      response.on('close', () => reject(new Error(`${url} cut a stream (status ${response.statusCode}): ${rest}`)));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
