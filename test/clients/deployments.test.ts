import { beforeAll, describe } from 'vitest';
import type { RunningServer } from '../server.ts';
import { mlxMacClients } from './mlx-mac.ts';
import { qwen3Clients } from './qwen3-32b.ts';
import { config, serveForAll, tiny } from './served.ts';

/** The programs ask for random answers, of which a model this small gives an empty one now and then; its likeliest are not. */
const likeliest = 'top_k: 1';

describe('deployment A, Qwen3-14B in this process', () => {
  let server: RunningServer;
  beforeAll(async () => {
    // The document asks for 2,048 tokens of answer, and the built-in model has no more than that for prompt and answer.
    const room = { context_size: 4_096 };
    const more = `aliases: [qwen3-14b], reasoning: raw, defaults: { ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more, room)));
  });
  mlxMacClients(() => server);
});

describe('deployment D, Qwen3-32B in this process', () => {
  let server: RunningServer;
  beforeAll(async () => {
    // As the table of request parameters says.
    const more = `aliases: [Qwen3-32B], defaults: { max_tokens: 16, temperature: 1.0, top_p: 1.0, ${likeliest} }`;
    server = await serveForAll(config(tiny('backplane-tiny', more)));
  });
  qwen3Clients(() => server);
});
