import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import type { FaultyUpstream } from './faulty.ts';
import { type Recording, record } from './recordings.ts';
import { asking, type Ending, endings, player, proxyConfig } from './replay.ts';
import { dataOf, post, verdict, type Wired } from './wire.ts';

let recordings: Readonly<Record<string, Recording>>;
let upstream: FaultyUpstream;
let proxy: RunningServer;
beforeAll(async () => {
  recordings = await record();
  upstream = await player(recordings);
  proxy = await serve(proxyConfig(upstream.url));
});
afterAll(async () => {
  await proxy.stop();
  await upstream.close();
});

const ask = (play: string, model: string, at: number, ending: Ending): Promise<Wired> => {
  const recording = recordings[play] as Recording;
  return post(proxy.url, recording.path, asking(recording, model, { play, at, ending }, recording.events));
};

/** Asks for a recording cut at every byte, many at a time. */
async function everyCut(
  play: string,
  model: string,
  look: (answer: Wired, at: number, ending: Ending) => void,
): Promise<void> {
  const { length } = Buffer.from(recordings[play]?.reply as string);
  expect(length).toBeGreaterThan(400);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next <= length) {
      const at = next++;
      for (const ending of endings) look(await ask(play, model, at, ending), at, ending);
    }
  };
  await Promise.all(Array.from({ length: 48 }, work));
}

/** The error event that is ours, at the end of what came. */
const ourError = /data: \{"error":\{.*\n\n$/;

describe.each(['tiny', 'here'])('relayed as %s and cut at any byte', (model) => {
  test.each([
    'chat',
    'tools',
    'two choices',
    'completion',
    'response',
  ])('the stream %s comes byte by byte, or fails visibly', async (play) => {
    const reply = (recordings[play] as Recording).reply.replaceAll('"model":"tiny"', `"model":"${model}"`);
    const size = Buffer.byteLength((recordings[play] as Recording).reply);
    let whole = 0;
    await everyCut(play, model, (answer, at, ending) => {
      const where = `${play} cut at ${at} of ${size} by ${ending}`;
      if (verdict(answer) === 'whole') {
        whole++;
        expect(at, where).toBeGreaterThan(size - 4);
        expect(answer.body, where).toBe(reply);
      } else if (answer.status === 200) {
        const events = answer.body.replace(ourError, '');
        expect(reply.startsWith(events) && (events === '' || events.endsWith('\n\n')), where).toBe(true);
      } else expect(answer.status, where).toBe(502);
      if (at === size) expect(answer.status, where).toBe(200);
    });
    expect(whole).toBeGreaterThan(0);
  }, 60_000);

  test('a plain reply comes whole or not at all', async () => {
    const reply = (recordings.plain as Recording).reply.replaceAll('"model":"tiny"', `"model":"${model}"`);
    const { length } = (recordings.plain as Recording).reply;
    await everyCut('plain', model, (answer, at, ending) => {
      // A reset after the last byte leaves the end of the chunked coding out.
      const whole = at === length && ending !== 'reset';
      expect(verdictOfPlain(answer), `${at} ${ending}`).toBe(whole ? reply : 502);
    });
  });
});

describe('read, written anew and cut at any byte', () => {
  test.each(['chat', 'tools', 'completion'])('the stream %s says all that was said, or fails visibly', async (play) => {
    const { reply } = recordings[play] as Recording;
    const said = contentOf(reply);
    expect(said.length).toBeGreaterThan(5);
    let whole = 0;
    await everyCut(play, 'separate', (answer, at, ending) => {
      const where = `${play} cut at ${at} of ${reply.length} by ${ending}`;
      if (verdict(answer) === 'whole') {
        whole++;
        expect(contentOf(answer.body), where).toBe(said);
      } else expect(said.startsWith(contentOf(answer.body)), where).toBe(true);
      if (at === reply.length) expect(answer.status, where).toBe(200);
      if (at < reply.length - 4) expect(verdict(answer), where).toBe('failed');
    });
    expect(whole).toBeGreaterThan(0);
  }, 60_000);
});

function verdictOfPlain({ status, body, whole }: Wired): string | number {
  expect(whole).toBe(true);
  return status === 200 ? body : status;
}

/** All that the deltas of a stream say, put together. */
function contentOf(body: string): string {
  const said = { reasoning: '', text: '', calls: '' };
  for (const data of dataOf(body)) {
    if (data === '[DONE]') continue;
    const choice = JSON.parse(data).choices?.[0];
    said.reasoning += choice?.delta?.reasoning_content ?? '';
    said.text += choice?.delta?.content ?? choice?.text ?? '';
    const called = choice?.delta?.tool_calls?.[0]?.function;
    said.calls += (called?.name ?? '') + (called?.arguments ?? '');
  }
  return said.reasoning + said.text + said.calls;
}
