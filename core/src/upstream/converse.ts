import { json } from 'node:stream/consumers';
import { type Call, type ChatEvent, Failure } from '../sdk/index.ts';
import type { Attempt } from './attempt.ts';
import { Decoder } from './decode.ts';
import type { Fleet } from './fleet.ts';
import { failureOf } from './outage.ts';
import { errorLimit, refusalOf } from './refusal.ts';
import type { Upstream } from './upstream.ts';
import { type Reply, ask as request } from './wire/ask.ts';

/** What is asked of an upstream whose reply is to be read, not passed on. */
export interface Question {
  readonly path: string;
  /** The body for an upstream that knows the model by this name; `counting`: it can say the usage in every chunk. */
  body(model: string, counting: boolean): Uint8Array;
  readonly key: string | undefined;
  /** Absent: JSON. */
  readonly contentType?: string;
  /** Called whenever something of the reply comes, be it a comment. */
  heard?(): void;
  /** A guess at the prompt's length, for answers that end before the upstream says; absent: 0. */
  readonly promptTokens?: number;
}

/**
 * The event lane: an upstream's stream as neutral events. Asks another upstream when one fails before the client was told
 * anything; what was said is then said again from its beginning.
 */
export async function* converse(
  fleet: Fleet,
  question: Question,
  call: Call,
): AsyncGenerator<ChatEvent, void, undefined> {
  const route = fleet.route(question.key, call);
  let last: Attempt | undefined;
  for (let upstream = route.next(); upstream; upstream = route.next(last)) {
    const done = fleet.begin(upstream, call.signal);
    let said = false;
    let over = false;
    try {
      const response = await ask(fleet, upstream, question, call.signal, 'text/event-stream');
      const decoder = new Decoder(upstream, question.promptTokens);
      try {
        for await (const bytes of response.body) {
          question.heard?.();
          for (const event of decoder.push(bytes)) {
            if (event.type !== 'started') said = true;
            yield event;
          }
          if (decoder.failure) throw decoder.failure;
        }
      } catch (thrown) {
        // How the connection ends after the answer is whole does not matter.
        if (call.signal.aborted || !decoder.close()) throw thrown;
      }
      const rest = decoder.end();
      over = true;
      done(undefined);
      yield* rest;
      return;
    } catch (thrown) {
      over = true;
      last = attemptOf(thrown, upstream, call.signal);
      done(last);
      if (!last.again || call.signal.aborted || (said && !call.retract?.())) throw last.failure;
    } finally {
      // The reader left in the middle: nothing is known against the upstream.
      if (!over) done(undefined);
    }
  }
  throw last?.failure ?? new Failure('not_ready', 'no upstream could be asked', { retryAfterMs: 1_000 });
}

/** One question, one JSON answer. */
export async function inquire<T>(fleet: Fleet, question: Question, call: Call): Promise<T> {
  const route = fleet.route(question.key, call);
  let last: Attempt | undefined;
  for (let upstream = route.next(); upstream; upstream = route.next(last)) {
    const done = fleet.begin(upstream, call.signal);
    try {
      const { body } = await ask(fleet, upstream, question, call.signal, 'application/json');
      const answer = await json(body).catch(() => {
        throw new Failure('backend_failed', `${upstream.title} sent a reply that is no whole JSON`);
      });
      done(undefined);
      return answer as T;
    } catch (thrown) {
      last = attemptOf(thrown, upstream, call.signal);
      done(last);
      if (!last.again || call.signal.aborted) throw last.failure;
    }
  }
  throw last?.failure ?? new Failure('not_ready', 'no upstream could be asked', { retryAfterMs: 1_000 });
}

/** Throws a Refused for an error status. */
async function ask(
  fleet: Fleet,
  upstream: Upstream,
  { path, body, contentType = 'application/json' }: Question,
  signal: AbortSignal,
  accept: string,
): Promise<Reply> {
  const reply = await request(
    upstream.connections,
    {
      method: 'POST',
      path: upstream.base + path,
      headers: ['content-type', contentType, 'accept', accept, 'accept-encoding', 'identity', ...upstream.credentials],
      body: [body(fleet.nameAt(upstream), upstream.counting)],
    },
    signal,
  );
  const { status, type = 'no content type', retryAfter } = reply;
  if (status >= 300) {
    throw new Refused(refusalOf(upstream, status, retryAfter, await head(reply.body)), status);
  }
  if (!type.startsWith(accept)) {
    reply.cancel();
    throw new Failure('backend_failed', `${upstream.title} answered with ${type} instead of ${accept}`);
  }
  return reply;
}

class Refused extends Error {
  readonly refusal: NonNullable<Attempt['refusal']>;
  readonly status: number;

  constructor(refusal: NonNullable<Attempt['refusal']>, status: number) {
    super(refusal.failure.message);
    this.refusal = refusal;
    this.status = status;
  }
}

function attemptOf(thrown: unknown, upstream: Upstream, signal: AbortSignal): Attempt {
  if (signal.aborted) return { failure: Failure.from(signal.reason, 'cancelled'), again: false };
  if (thrown instanceof Refused) {
    const { refusal, status } = thrown;
    return { failure: refusal.failure, again: refusal.unwell || status === 429, refusal, status };
  }
  return { failure: failureOf(thrown as Error, upstream), again: true };
}

async function head(body: Reply['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > errorLimit) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(chunks);
}
