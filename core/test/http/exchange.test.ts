import { EventEmitter } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { Exchange } from '../../src/http/exchange.ts';
import { Failure, type Signal } from '../../src/sdk/index.ts';

test('what was said of a call at its end is not changed by what it still does', () => {
  const signals: Signal[] = [];
  const raw = Object.assign(new EventEmitter(), { statusCode: 200 });
  const request = { id: 'call-1', method: 'POST' } as FastifyRequest;
  const reply = { raw } as unknown as FastifyReply;
  const exchange = new Exchange(
    request,
    reply,
    '/v1/chat/completions',
    'chat',
    (signal) => signals.push(signal),
    () => {},
  );
  exchange.answered();
  raw.emit('close');
  exchange.take('relay');
  exchange.failed(new Failure('backend_failed', 'too late'));
  expect(signals.map(({ type }) => type)).toEqual(['received', 'settled']);
  expect(signals[1]).toMatchObject({ outcome: 'ok', status: 200 });
  expect(signals[1]).not.toHaveProperty('lane');
  expect(signals[1]).not.toHaveProperty('code');
});
