import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { faults, type Outcome, said } from './faults.ts';
import { type FaultyUpstream, faulty, type Seen } from './faulty.ts';
import { chat, dataOf, verdict, type Wired } from './wire.ts';

const models = ['m', 'renamed', 'separate'] as const;

let upstream: FaultyUpstream;
let server: RunningServer;
const answers = new Map<string, Promise<Wired>>();

beforeAll(async () => {
  upstream = await faulty((request) => (socket) => {
    const { messages, stream } = JSON.parse(request.body) as { messages: { content: string }[]; stream?: boolean };
    faults[messages.at(-1)?.content as string]?.behave(socket, stream === true);
  });
  const options = (more: string) => `timeout: 4s, options: {
      upstreams: [{ url: ${upstream.url}${more} }], retry: { attempts: 0 }, eject: { failures: 100000 },
      timeouts: { connect: 500ms, first_byte: 1500ms, idle: 1500ms } } }`;
  server = await serve(`plugins: ["@backplane/vllm-proxy"]
models:
  - { id: m, backend: vllm, ${options('')}
  - { id: renamed, backend: vllm, ${options(', model: m')}
  - { id: separate, backend: vllm, reasoning: separate, ${options(', model: m')}`);
  const calls = Object.keys(faults).flatMap((fault) =>
    models.flatMap((model) => [false, true].map((stream) => ({ fault, model, stream }))),
  );
  // Some at a time: with all of them at once the timeouts would measure this machine.
  const work = async (): Promise<void> => {
    for (let call = calls.shift(); call; call = calls.shift()) {
      const { fault, model, stream } = call;
      const answer = chat(server.url, model, fault, { stream });
      answers.set(`${fault} ${model} ${stream}`, answer);
      await answer;
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
});

const answerTo = (fault: string, model: string, stream: boolean): Promise<Wired> =>
  answers.get(`${fault} ${model} ${stream}`) as Promise<Wired>;
const contentOf = (body: string): string =>
  dataOf(body)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data).choices?.[0]?.delta?.content ?? '')
    .join('');

/** The decoded lane always asks for a stream, so that it sees what a client who streams would. */
const statusOf = (outcome: Outcome): number => (outcome === 'whole' ? 200 : outcome === 'cut' ? 502 : outcome);

describe.each(Object.entries(faults))('an upstream that %s', (fault, { plain, stream, decoded = stream }) => {
  test.each(models)('to a client of %s that streams', async (model) => {
    const answer = await answerTo(fault, model, true);
    const seen = verdict(answer);
    expect(answer.status === 200 ? (seen === 'whole' ? 'whole' : 'cut') : answer.status, answer.body.slice(-300)).toBe(
      model === 'separate' ? decoded : stream,
    );
    if (seen === 'whole') expect(contentOf(answer.body)).toBe(said);
    expect(answer.body.includes('\ufffd')).toBe(false);
  });

  test.each(models)('to a client of %s that waits for all of it', async (model) => {
    const answer = await answerTo(fault, model, false);
    const wanted = model === 'separate' ? statusOf(decoded) : plain;
    // What the deadline ended is a timeout, what broke is the upstream's fault.
    expect(wanted === 502 && model === 'separate' ? [502, 504] : [wanted], answer.body).toContain(answer.status);
    expect(answer.whole).toBe(true);
    const body = JSON.parse(answer.body);
    if (answer.status === 200) expect(body.choices[0].message.content).toBe(said);
    else expect(body.error.message).toMatch(/\w/);
  });
});

test('a wait that the upstream asks for is passed on', async () => {
  for (const model of models) {
    expect((await answerTo('answers 429', model, false)).head).toMatch(/^retry-after: 7$/im);
    expect((await answerTo('answers 503', model, true)).head).toMatch(/^retry-after: 9$/im);
  }
});

test('after all that, every connection to the upstream is idle or gone, and it serves', async () => {
  const seen: Promise<Seen> = upstream.next();
  expect((await chat(server.url, 'm', 'says [DONE] twice', { stream: true })).status).toBe(200);
  await seen;
  expect((await fetch(`${server.url}/health`)).ok).toBe(true);
});
