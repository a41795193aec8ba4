import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { chat, stream } from '../chat.ts';
import { type RunningServer, serve } from '../server.ts';
import { chunk, eventsHead, type FaultyUpstream, faulty, lastChunk } from './faulty.ts';

const event = (choices: object[], more: object = {}): string => `data: ${JSON.stringify({ choices, ...more })}\n\n`;
const delta = (said: object): string => event([{ index: 0, delta: said }]);
const thinking = delta({ reasoning_content: 'let me see' });
const answer = delta({ content: 'so ' }) + delta({ content: 'it is' });
const end = `${event([{ index: 0, delta: {}, finish_reason: 'stop' }])}${event([], { usage: { prompt_tokens: 9, completion_tokens: 5 } })}data: [DONE]\n\n`;

/** How the attempts of the next calls end, one after the other; the rest are whole. */
let breaks: ('while it thinks' | 'while it answers')[] = [];
let upstream: FaultyUpstream;
let server: RunningServer;

function attempt(socket: Socket): void {
  const broken = breaks.shift();
  socket.write(eventsHead);
  socket.write(chunk(thinking));
  if (broken !== 'while it thinks') socket.write(chunk(broken ? delta({ content: 'so ' }) : answer + end));
  // A moment later, so that what was said has been read.
  if (broken) setTimeout(() => socket.destroy(), 20);
  else socket.write(lastChunk);
}

beforeAll(async () => {
  upstream = await faulty(() => attempt);
  const options = (retry: string) => `options: { upstreams: [{ url: ${upstream.url} }], retry: { ${retry} } }`;
  server = await serve(`plugins: ["@backplane/vllm-proxy"]
models:
  - { id: separate, backend: vllm, reasoning: separate, ${options('')} }
  - { id: hidden, backend: vllm, reasoning: hidden, ${options('')} }
  - { id: once, backend: vllm, reasoning: separate, ${options('attempts: 0')} }`);
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
});
let before: number;
beforeEach(() => {
  before = upstream.requests.length;
});
const attempts = (): number => upstream.requests.length - before;

test('an answer that is not streamed is asked for again when it breaks off, and holds nothing of the first attempt', async () => {
  breaks = ['while it thinks', 'while it answers'];
  const reply = await chat(server.url, 'go', { model: 'separate' });
  expect(await reply.json()).toMatchObject({
    choices: [{ message: { content: 'so it is', reasoning_content: 'let me see' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
  });
  expect(attempts()).toBe(3);
});

test('each of several choices is asked for again by itself', async () => {
  breaks = ['while it answers', 'while it answers'];
  const reply = await chat(server.url, 'go', { model: 'separate', n: 3 });
  const { choices, usage } = (await reply.json()) as { choices: { message: { content: string } }[]; usage: object };
  expect(choices.map(({ message }) => message.content)).toEqual(['so it is', 'so it is', 'so it is']);
  expect(usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 15 });
  expect(attempts()).toBe(5);
});

test('a stream is asked for again as long as nothing of it was shown', async () => {
  breaks = ['while it thinks'];
  expect(await stream(server.url, 'go', { model: 'hidden' })).toMatchObject({
    text: 'so it is',
    done: true,
    whole: true,
  });
  expect(attempts()).toBe(2);
});

test.each([
  ['hidden', 'while it answers', 'so '],
  ['separate', 'while it thinks', ''],
] as const)('a stream of %s that broke %s is not, for its client was told some of it', async (model, how, text) => {
  breaks = [how];
  const cut = await stream(server.url, 'go', { model });
  expect(cut).toMatchObject({ text, done: false, whole: false, error: { code: 'backend_failed' } });
  expect(attempts()).toBe(1);
});

test('as often as retry.attempts says, then the failure is told', async () => {
  breaks = ['while it answers'];
  expect((await chat(server.url, 'go', { model: 'once' })).status).toBe(502);
  expect(attempts()).toBe(1);
});
