import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming } from 'openai/resources';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithPython, python } from '../clients/python.ts';
import { type RunningServer, serve } from '../server.ts';
import type { FaultyUpstream } from './faulty.ts';
import { type Recording, record } from './recordings.ts';
import { asking, type Cut, endings, player, proxyConfig } from './replay.ts';

interface Outcome {
  readonly said: string;
  readonly raised: string | null;
}

let recording: Recording;
let upstream: FaultyUpstream;
let proxy: RunningServer;
let cuts: readonly { readonly model: string; readonly cut: Cut; readonly request: object }[];
beforeAll(async () => {
  const recordings = await record();
  recording = recordings.chat as Recording;
  upstream = await player(recordings);
  proxy = await serve(proxyConfig(upstream.url));
  const { length } = recording.reply;
  // All along the stream, and at every byte near its end.
  const places = [
    ...Array.from({ length: 28 }, (_, i) => Math.floor((i * length) / 28)),
    ...Array.from({ length: 16 }, (_, i) => length - i),
  ];
  cuts = ['tiny', 'here', 'separate'].flatMap((model) =>
    places.flatMap((at) =>
      endings.map((ending) => {
        const cut = { play: 'chat', at, ending };
        return { model, cut, request: asking(recording, model, cut, true) };
      }),
    ),
  );
});
afterAll(async () => {
  await proxy.stop();
  await upstream.close();
});

/** What a program that trusts the SDK would take for the answer is the whole of it, or it was told otherwise. */
function judge(outcomes: readonly Outcome[]): void {
  const whole = saidIn(recording.reply);
  expect(whole.length).toBeGreaterThan(10);
  expect(outcomes.length).toBe(cuts.length);
  for (const [index, { said, raised }] of outcomes.entries()) {
    const { model, cut } = cuts[index] as (typeof cuts)[number];
    const where = `${model} cut at ${cut.at} of ${recording.reply.length} by ${cut.ending}`;
    if (raised === null) expect(said, where).toBe(whole);
    else expect(cut.at, `${where}: ${raised}`).toBeLessThan(recording.reply.length - 2);
  }
  expect(outcomes.filter(({ raised }) => raised === null).length).toBeGreaterThan(20);
  expect(outcomes.filter(({ raised }) => raised !== null).length).toBeGreaterThan(200);
}

function saidIn(reply: string): string {
  const chunks = reply.split('\n\n').filter((event) => event.startsWith('data: {'));
  return chunks.map((event) => saidBy(JSON.parse(event.slice(6)) as ChatCompletionChunk)).join('');
}

function saidBy({ choices }: ChatCompletionChunk): string {
  const delta = choices[0]?.delta as { reasoning_content?: string; content?: string | null } | undefined;
  return (delta?.reasoning_content ?? '') + (delta?.content ?? '');
}

describe('OpenAI’s JavaScript SDK', () => {
  test('yields all of a stream that was cut, or throws', async () => {
    const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 20_000 });
    const ask = async ({ request }: (typeof cuts)[number]): Promise<Outcome> => {
      let said = '';
      try {
        const stream = await client.chat.completions.create(request as ChatCompletionCreateParamsStreaming);
        for await (const chunk of stream) said += saidBy(chunk);
      } catch (thrown) {
        return { said, raised: String(thrown) };
      }
      return { said, raised: null };
    };
    judge(await Promise.all(cuts.map(ask)));
  });
});

describeWithPython('OpenAI’s Python SDK', () => {
  test('yields all of a stream that was cut, or raises', async () => {
    const program = new URL('cut_streams.py', import.meta.url).pathname;
    const child = spawn(python, [program, proxy.url], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(JSON.stringify(cuts.map(({ request }) => request)));
    const lines = (await text(child.stdout)).trim().split('\n');
    judge(lines.map((line) => JSON.parse(line) as Outcome));
  }, 60_000);
});
