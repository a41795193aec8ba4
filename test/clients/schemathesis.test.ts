import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LogLine, RunningServer } from '../server.ts';
import { describeWithPython, type Ended, execute, schemathesis } from './python.ts';
import { config, key, serveForAll, tiny } from './served.ts';

/**
 * All checks that schemathesis has, but one: `positive_data_acceptance` holds every body that fits the schema for one
 * that must be served, and a document for all models cannot say what a given one honours.
 */
const options = [
  ['--checks', 'all'],
  ['--exclude-checks', 'positive_data_acceptance'],
  ['--max-examples', '30'],
  ['--workers', '1'],
  ['--seed', '20260721'],
  ['--generation-database', 'none'],
  ['--request-timeout', '25'],
  ['--warnings', 'off'],
].flat();

interface Document {
  readonly paths: Record<string, { post?: Operation; get?: Operation }>;
}
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { content: Record<string, { schema: { properties: Record<string, object> } }> };
  readonly parameters?: { schema: object }[];
}

/** The server's own document, with the one model that is there instead of any name: else nearly all answers were 404. */
async function documentOf(server: RunningServer, headers: Record<string, string>): Promise<Document> {
  const document = (await (await fetch(`${server.url}/openapi.json`, { headers })).json()) as Document;
  const model = { enum: ['tiny'] };
  for (const { post, get } of Object.values(document.paths)) {
    for (const { schema } of Object.values(post?.requestBody?.content ?? {})) schema.properties.model = model;
    if (get?.parameters?.[0]) get.parameters[0].schema = model;
  }
  return document;
}

describeWithPython('schemathesis', () => {
  describe.each([
    ['of an open server', false],
    ['of a server that asks for keys', true],
  ])('on the OpenAPI document %s', (_, guarded) => {
    let server: RunningServer;
    let document: Document;
    let ended: Ended;

    beforeAll(async () => {
      const short = 'timeout: 20s, defaults: { temperature: 0, max_tokens: 8 }';
      server = await serveForAll(config(tiny('tiny', short), { guarded }));
      const headers: Record<string, string> = guarded ? { Authorization: `Bearer ${key}` } : {};
      document = await documentOf(server, headers);
      await writeFile(join(server.directory, 'openapi.json'), JSON.stringify(document));
      const sent = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
      const args = ['--no-color', 'run', 'openapi.json', '--url', server.url, ...options, ...sent];
      ended = await execute(schemathesis, args, server.directory);
    }, 120_000);

    test('finds nothing', () => {
      expect(ended.code, ended.stdout + ended.stderr).toBe(0);
      expect(ended.stdout).toMatch(/\b\d{4} generated, \d{4} passed\b/);
    });

    test('has seen every operation served, and every body refused that is wrong', () => {
      const statuses = (route: string, fits: (status: number) => boolean) =>
        server.lines.filter((line: LogLine) => line.route === route && fits(line.status as number)).length;
      for (const [path, { post }] of Object.entries(document.paths)) {
        // Calls of probes that succeed are logged at debug.
        if (path === '/health' || path === '/ready') continue;
        const route = path.replace('{model}', '*');
        if (post && /^(?:relay|createTranscription$|describeMedia$)/.test(post.operationId)) {
          // No model here stands in front of a server that could serve these, hears or sees.
          expect(
            statuses(route, (status) => status === 400),
            path,
          ).toBeGreaterThan(0);
          continue;
        }
        expect(
          statuses(route, (status) => status === 200),
          path,
        ).toBeGreaterThan(0);
        if (post)
          expect(
            statuses(route, (status) => status === 400),
            path,
          ).toBeGreaterThan(50);
      }
      expect(server.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
    });
  });
});
