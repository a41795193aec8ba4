import type { FastifyInstance } from 'fastify';
import { Failure } from '../sdk/index.ts';

/** Remembers the routes as they are declared, to tell an unknown path from a known one with the wrong method. */
export class KnownRoutes {
  readonly #routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];

  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      const pattern = url
        .split('/')
        .map((step) => (step === '*' ? '.*' : step.startsWith(':') ? '[^/]+' : RegExp.escape(step)));
      this.#routes.push({ pattern: new RegExp(`^${pattern.join('/')}/?$`), methods: [method].flat() });
    });
  }

  /** Methods that a path would answer; empty: there is no such path. */
  allowed(path: string): readonly string[] {
    return [...new Set(this.#routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))];
  }

  failure(method: string, path: string): Failure {
    return this.allowed(path).length > 0
      ? new Failure(
          'method_not_allowed',
          `${method} is not allowed on this path; it takes ${this.allowed(path).join(', ')}.`,
        )
      : new Failure('not_found', 'There is no such path here. GET /openapi.json lists what there is.');
  }
}
