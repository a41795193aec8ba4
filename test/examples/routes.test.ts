import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../server.ts';
import { describeWithUpstreams, startLlamaServer, type UpstreamServer } from './upstreams.ts';

/** The routes beyond chat, each asked as llama-server understands it: Backplane passes the request as it is. */
describeWithUpstreams('in front of llama-server', () => {
  let upstreams: readonly UpstreamServer[];
  let server: RunningServer;
  beforeAll(async () => {
    upstreams = await Promise.all([
      startLlamaServer({ model: 'there' }),
      startLlamaServer({ model: 'reranker', rerank: true }),
    ]);
    const [writer, ranker] = upstreams.map(({ url }) => url);
    server = await serve(`plugins: ["@backplane/vllm-proxy", "@backplane/metrics"]
models:
  - { id: here, backend: vllm, options: { upstreams: [{ url: "${writer}", model: there }] } }
  - { id: ranks, backend: vllm, options: { upstreams: [{ url: "${ranker}", model: reranker }] } }
  - { id: talks, backend: vllm, options: { upstreams: [{ url: "${writer}", model: there }], tasks: [chat] } }`);
  });
  afterAll(() => Promise.all([server?.stop(), ...(upstreams ?? []).map((upstream) => upstream.stop())]));

  const post = (path: string, body: object) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const answer = async (path: string, body: object): Promise<unknown> => {
    const reply = await post(path, body);
    expect(reply.status).toBe(200);
    return reply.json();
  };

  test('completions come through, plain and as a stream', async () => {
    const body = { model: 'here', prompt: 'Backplane is', max_tokens: 5 };
    expect(await answer('/v1/completions', body)).toMatchObject({ object: 'text_completion', model: 'here' });
    const text = await (await post('/v1/completions', { ...body, stream: true })).text();
    expect(text).toMatch(/"model":"here"/);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  });

  test.each(['/tokenize', '/v1/tokenize'])('%s and its counterpart come through', async (path) => {
    const { tokens } = (await answer(path, { model: 'here', content: 'hello world' })) as { tokens: number[] };
    expect(tokens.length).toBeGreaterThan(0);
    const back = await answer(path.replace('tokenize', 'detokenize'), { model: 'here', tokens });
    expect(back).toEqual({ content: 'hello world' });
  });

  test('responses come through, plain and as a stream that ends without [DONE]', async () => {
    const body = { model: 'here', input: 'What is Backplane?', max_output_tokens: 60 };
    expect(await answer('/v1/responses', body)).toMatchObject({ object: 'response', model: 'here' });
    const text = await (await post('/v1/responses', { ...body, stream: true })).text();
    expect(text).toMatch(/event: response\.completed\ndata: \{.*\}\n\n$/);
    expect(text).not.toContain('"model":"there"');
  });

  test.each(['/v1/rerank', '/rerank', '/v2/rerank'])('%s comes through', async (path) => {
    const documents = ['a runtime', 'a fruit'];
    const { results } = (await answer(path, { model: 'ranks', query: 'Backplane', documents })) as {
      results: { index: number; relevance_score: number }[];
    };
    expect(results.map(({ index }) => index).sort()).toEqual([0, 1]);
  });

  test('a task that the upstream was not started for is refused, and says nothing about its health', async () => {
    // More often than failures eject a server.
    for (let i = 0; i < 5; i++) {
      const reply = await post('/v1/rerank', { model: 'here', query: 'a', documents: ['b'] });
      expect(reply.status).toBe(400);
      expect(await reply.json()).toMatchObject({
        error: { code: 'unsupported_task', message: expect.stringContaining('does not support reranking') },
      });
    }
    expect(await answer('/v1/completions', { model: 'here', prompt: 'x', max_tokens: 1 })).toMatchObject({
      choices: [{}],
    });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('breaker_state{model="here",upstream="1",state="closed"} 1');
    expect(metrics).not.toMatch(/upstream_requests_total\{model="here",upstream="1",outcome="failed"\}/);
  });

  test('a route that the upstream does not have is its 404', async () => {
    const reply = await post('/v1/score', { model: 'here', text_1: 'a', text_2: 'b' });
    expect(reply.status).toBe(404);
    expect(await reply.json()).toMatchObject({ error: { code: 'not_found', param: null } });
  });

  test('a task that the operator did not allow is refused here', async () => {
    const reply = await post('/tokenize', { model: 'talks', content: 'hello' });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({
      error: {
        code: 'unsupported_task',
        param: 'model',
        message: 'talks does not serve /tokenize; it serves /v1/chat/completions.',
      },
    });
  });

  test('the context length is found out from the upstream', async () => {
    const reply = await fetch(`${server.url}/v1/models/here`);
    expect(await reply.json()).toMatchObject({ max_model_len: 2048, backplane: { context_length: 2048 } });
  });
});
