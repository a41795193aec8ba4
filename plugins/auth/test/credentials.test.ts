import { Failure, failures } from '@backplane/core/sdk';
import { describe, expect, test } from 'vitest';
import { load } from './setup.ts';

const ops = { name: 'ops', key: 'token-abc123' };

/** ok: the principal's name; missing: no scheme knows it; wrong: refused at once. */
type Verdict = 'ops' | 'missing' | 'wrong';

function verdict(ask: () => { readonly name: string } | undefined): string {
  try {
    return ask()?.name ?? 'missing';
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Failure);
    const failure = thrown as Failure;
    expect(failure.message).toBe('Invalid API key');
    expect([failure.code, failure.status, failures[failure.code][1], failure.param]).toEqual([
      'invalid_api_key',
      401,
      'authentication_error',
      undefined,
    ]);
    return 'wrong';
  }
}

describe.each([
  { title: 'the default scheme: Authorization with Bearer', scheme: {}, header: 'authorization', prefix: 'Bearer ' },
  {
    title: 'an ApiKey prefix in X-API-Key',
    scheme: { header: 'X-API-Key', prefix: 'ApiKey' },
    header: 'x-api-key',
    prefix: 'ApiKey ',
  },
  {
    title: 'a header whose default is Bearer, written in lower case',
    scheme: { header: 'authorization' },
    header: 'authorization',
    prefix: 'Bearer ',
  },
])('$title', ({ scheme, header, prefix }) => {
  const swapped = prefix === prefix.toLowerCase() ? prefix.toUpperCase() : prefix.toLowerCase();
  test.each<[string, Verdict]>([
    [`${prefix}token-abc123`, 'ops'],
    [`${swapped}token-abc123`, 'ops'],
    [`${prefix}   token-abc123`, 'ops'],
    [`${prefix}token-abc124`, 'wrong'],
    [`${prefix}TOKEN-ABC123`, 'wrong'],
    [`${prefix}token-abc12`, 'wrong'],
    [`${prefix}token-abc1234`, 'wrong'],
    [`${prefix}token-abc123 `, 'wrong'],
    [`${prefix}${prefix}token-abc123`, 'wrong'],
    [`${prefix}\ttoken-abc123`, 'wrong'],
    ['token-abc123', 'missing'],
    [prefix, 'missing'],
    [prefix.trim(), 'missing'],
    [`${prefix.trim()}token-abc123`, 'missing'],
    [`${prefix.trim()}\ttoken-abc123`, 'missing'],
    [`x${prefix}token-abc123`, 'missing'],
    ['Basic b3BzOnRva2VuLWFiYzEyMw==', 'missing'],
    ['', 'missing'],
  ])('%j is %s', async (value, expected) => {
    const { ask } = await load({ schemes: [{ ...scheme, keys: [ops] }] });
    expect(verdict(() => ask({ [header]: value }))).toBe(expected);
  });
});

describe.each([
  { title: 'X-API-Key', scheme: { header: 'X-API-Key' }, header: 'x-api-key' },
  { title: 'Authorization with prefix ""', scheme: { prefix: '' }, header: 'authorization' },
  { title: 'Authorization with prefix null', scheme: { prefix: null }, header: 'authorization' },
])('a bare key in $title', ({ scheme, header }) => {
  test.each<[string, Verdict]>([
    ['token-abc123', 'ops'],
    ['token-abc124', 'wrong'],
    ['Bearer token-abc123', 'wrong'],
    [' token-abc123', 'wrong'],
    ['', 'missing'],
  ])('%j is %s', async (value, expected) => {
    const { ask } = await load({ schemes: [{ ...scheme, keys: [ops] }] });
    expect(verdict(() => ask({ [header]: value }))).toBe(expected);
  });
});

test('without the header the scheme leaves the call to others', async () => {
  const { ask } = await load({ schemes: [{ keys: [ops] }] });
  expect(ask({})).toBeUndefined();
  expect(ask({ 'x-api-key': 'token-abc123' })).toBeUndefined();
});

test('a header that came twice is refused, even where one of the two was right', async () => {
  const { ask } = await load({ schemes: [{ header: 'X-API-Key', keys: [ops] }] });
  expect(() => ask({}, ['x-api-key'])).toThrow(
    expect.objectContaining({ code: 'invalid_api_key', message: expect.stringContaining('more than once') }),
  );
  expect(ask({ 'x-api-key': 'token-abc123' }, ['accept'])?.name).toBe('ops');
});

test('each key of a scheme belongs to its own principal', async () => {
  const keys = ['first', 'middle', 'last'].map((name) => ({ name, key: `${name}-secret` }));
  const { ask } = await load({ schemes: [{ keys }] });
  for (const { name, key } of keys) expect(ask({ authorization: `Bearer ${key}` })?.name).toBe(name);
  expect(() => ask({ authorization: 'Bearer first' })).toThrow('Invalid API key');
});

test('a key brings the models that it may call, and none to say means all', async () => {
  const { ask } = await load({
    schemes: [
      {
        keys: [
          { name: 'edge', key: 'edge-secret', models: ['qwen3-vl-instruct'] },
          { name: 'prometheus', key: 'prom-secret', models: [] },
          ops,
        ],
      },
    ],
  });
  expect(ask({ authorization: 'Bearer edge-secret' })).toEqual({ name: 'edge', models: ['qwen3-vl-instruct'] });
  expect(ask({ authorization: 'Bearer prom-secret' })).toEqual({ name: 'prometheus', models: [] });
  expect(ask({ authorization: 'Bearer token-abc123' })).toEqual({ name: 'ops' });
});

test('a key that is not ASCII is found as the bytes that a client sends for it', async () => {
  const { ask } = await load({ schemes: [{ keys: [{ name: 'ops', key: 'schlüssel-密钥' }] }] });
  const onTheWire = Buffer.from('schlüssel-密钥', 'utf8').toString('latin1');
  expect(ask({ authorization: `Bearer ${onTheWire}` })?.name).toBe('ops');
});

describe('with Authorization and X-API-Key both configured', () => {
  const both = {
    schemes: [{ keys: [ops] }, { header: 'X-API-Key', keys: [{ name: 'edge', key: 'edge-secret' }] }],
  };

  test('either opens the door', async () => {
    const { ask } = await load(both);
    expect(ask({ authorization: 'Bearer token-abc123' })?.name).toBe('ops');
    expect(ask({ 'x-api-key': 'edge-secret' })?.name).toBe('edge');
  });

  test('the first scheme whose header is there decides: a wrong key is not saved by a right one behind it', async () => {
    const { ask } = await load(both);
    expect(() => ask({ authorization: 'Bearer wrong', 'x-api-key': 'edge-secret' })).toThrow('Invalid API key');
    expect(ask({ authorization: 'Bearer token-abc123', 'x-api-key': 'wrong' })?.name).toBe('ops');
  });

  test('credentials of another kind, as a proxy adds them, leave the decision to the next scheme', async () => {
    const { ask } = await load(both);
    expect(ask({ authorization: 'Basic dXNlcjpwYXNz', 'x-api-key': 'edge-secret' })?.name).toBe('edge');
  });

  test('a key of one header is wrong in the other', async () => {
    const { ask } = await load(both);
    expect(() => ask({ 'x-api-key': 'token-abc123' })).toThrow('Invalid API key');
    expect(() => ask({ authorization: 'Bearer edge-secret' })).toThrow('Invalid API key');
  });
});

test('two prefixes and a bare key share one header, whatever their order in config.yaml', async () => {
  const forms = [
    { header: 'X-API-Key', keys: [{ name: 'bare', key: 'bare-secret' }] },
    { header: 'x-api-key', prefix: 'ApiKey', keys: [{ name: 'prefixed', key: 'prefixed-secret' }] },
    { header: 'X-Api-Key', prefix: 'Token', keys: [{ name: 'token', key: 'token-secret' }] },
  ];
  for (const schemes of [forms, forms.toReversed()]) {
    const { ask, names } = await load({ schemes });
    expect(names).toHaveLength(1);
    expect(ask({ 'x-api-key': 'bare-secret' })?.name).toBe('bare');
    expect(ask({ 'x-api-key': 'ApiKey prefixed-secret' })?.name).toBe('prefixed');
    expect(ask({ 'x-api-key': 'token token-secret' })?.name).toBe('token');
    expect(() => ask({ 'x-api-key': 'ApiKey bare-secret' })).toThrow('Invalid API key');
  }
});

test.each([
  [{}, 'Bearer'],
  [{ header: 'authorization', prefix: 'ApiKey' }, 'ApiKey'],
  [{ prefix: '' }, 'ApiKey realm="backplane", header="Authorization"'],
  [{ header: 'X-API-Key' }, 'ApiKey realm="backplane", header="X-API-Key"'],
  [{ header: 'X-API-Key', prefix: 'Token' }, 'ApiKey realm="backplane", header="X-API-Key", prefix="Token"'],
])('the scheme %j challenges with %s', async (scheme, challenge) => {
  const { schemes } = await load({ schemes: [{ ...scheme, keys: [ops] }] });
  expect(schemes.map((each) => each.challenge)).toEqual([challenge]);
});

test('schemes carry the name of their header, in the order of config.yaml', async () => {
  const { names } = await load({ schemes: [{ header: 'X-API-Key', keys: [ops] }, { keys: [ops] }] });
  expect(names).toEqual(['X-API-Key', 'Authorization']);
});
