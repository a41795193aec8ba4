import { createRequire } from 'node:module';
import type { FastifyServerOptions } from 'fastify';

type Factory = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

/**
 * Fastify's own compilers of route schemas, loaded when a plugin's route has one: the server's own routes have none, and
 * ajv with its relatives is a third of the time that Fastify takes to load. They are its dependencies: found from there.
 */
export function schemaCompilers(): Factory {
  const near = createRequire(createRequire(import.meta.url).resolve('fastify'));
  const later = <Build>(name: string): Build => {
    let build: ((...given: unknown[]) => unknown) | undefined;
    const load = (...given: unknown[]): unknown => {
      build ??= (near(name) as () => (...given: unknown[]) => unknown)();
      return build(...given);
    };
    return load as Build;
  };
  return {
    buildValidator: later<NonNullable<Factory['buildValidator']>>('@fastify/ajv-compiler'),
    buildSerializer: later<NonNullable<Factory['buildSerializer']>>('@fastify/fast-json-stringify-compiler'),
  };
}
