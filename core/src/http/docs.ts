import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

const folder = new URL('../../assets/docs/', import.meta.url);

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/docs': ['index.html', 'text/html; charset=utf-8'],
  '/docs/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/docs/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/docs/requests.js': ['requests.js', 'text/javascript; charset=utf-8'],
};

/** Nothing but this server's own files may run in the page or be asked by it, and nobody may frame it. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page where the API is read and tried. It knows nothing of this server before a key is typed in, so it is open. */
export function docsRoutes(app: FastifyInstance): void {
  for (const [path, [file, type]] of Object.entries(files)) {
    app.get(path, { config: { open: true } }, async (_request, reply) => {
      reply.headers({
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-cache',
      });
      return reply.type(type).send(await readFile(new URL(file, folder)));
    });
  }
}
