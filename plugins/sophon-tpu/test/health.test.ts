import { expect, test } from 'vitest';
import { serviceHealth } from '../src/health.ts';

const model = {
  id: 'qwen3-vl-instruct',
  backend: 'sophon',
  options: { model_dir: './models/qwen3vl_4b' },
  state: 'ready',
  instances: 2,
  slots: 2,
  queueSize: 8,
} as const;
const about = { version: '1.2.3', uptimeSeconds: 5, guarded: true, models: [model] };

test('the health has the members that clients of the old service read', () => {
  expect(serviceHealth({ ...about, status: 'ok' })).toEqual({
    status: 'healthy',
    details: 'The model is loaded and running',
    model: 'qwen3-vl-instruct',
    model_dir: './models/qwen3vl_4b',
    max_concurrent: 10,
    api_auth_enabled: true,
    timestamp: expect.any(Number),
    version: '1.2.3',
  });
});

test.each([
  ['loading', 'loading'],
  ['degraded', 'degraded'],
  ['failed', 'unhealthy'],
  ['draining', 'draining'],
] as const)('a server that is %s is not healthy', (status, word) => {
  expect(serviceHealth({ ...about, status }).status).toBe(word);
});

test('where no model is served by the chip, no model is named', () => {
  expect(serviceHealth({ ...about, status: 'ok', models: [] })).not.toHaveProperty('model');
});
