import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { ModelRegistry } from '../models/registry.ts';
import { Failure, type Limiter, type Log, type Observer, type Operation } from '../sdk/index.ts';
import { Authentication, type NamedScheme } from './authenticate.ts';
import { Cors } from './cors.ts';
import { docsRoutes } from './docs.ts';
import { Exchange } from './exchange.ts';
import type { ChosenHealth } from './health.ts';
import { KnownRoutes } from './missing.ts';
import { failureOf, refuseGarbage, sendFailure } from './refusal.ts';
import { RequestBody } from './request-body.ts';
import { schemaCompilers } from './schema-compilers.ts';
import { statusRoutes } from './status.ts';
import type { MediaSource } from './surroundings.ts';
import { taskRoutes } from './tasks.ts';
import { Underway } from './underway.ts';

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
  interface FastifyContextConfig {
    /** Answers without a key. */
    open?: boolean;
    operation?: Operation;
  }
}

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Bytes. */
  readonly bodyLimit: number;
  /** Names besides the loopback's that a client may say in `Host`, when bound to loopback. */
  readonly hosts: readonly string[];
  /** Silence on a stream after which a comment is sent, ms. */
  readonly keepAliveMs: number;
  /** Origins whose pages may call the server; empty: no CORS headers at all. */
  readonly corsOrigins: readonly string[];
  /** Paths of the server's own routes that answer without a key. */
  readonly openRoutes: readonly string[];
  /** Whose form `/health` has; absent: the server's own. */
  readonly health?: ChosenHealth;
  readonly version: string;
  readonly models: ModelRegistry;
  readonly schemes: readonly NamedScheme[];
  readonly routes: readonly { readonly plugin: string; readonly routes: FastifyPluginAsync }[];
  readonly limiters: readonly Limiter[];
  readonly media: MediaSource;
  readonly emit: Observer;
  readonly log: Log;
}

/** The one port. */
export class Server {
  readonly #app: FastifyInstance;
  readonly #options: ServerOptions;
  /** Only this machine can reach it. */
  readonly #local: boolean;
  readonly #underway = new Underway<Exchange>();
  #draining = false;
  #idle: (() => void) | undefined;
  /** A `Host` that was let in. */
  #goodHost: string | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#local = loopback.test(options.host);
    this.#app = fastify({
      logger: false,
      bodyLimit: options.bodyLimit,
      genReqId: requestId,
      requestTimeout: 60_000,
      forceCloseConnections: true,
      return503OnClosing: false,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_024 },
      clientErrorHandler: refuseGarbage,
      schemaController: { compilersFactory: schemaCompilers() },
    });
    this.#build();
  }

  /** Resolves with the address that clients use. Throws Node's EADDRINUSE and the like. */
  async listen(): Promise<string> {
    await this.#app.listen({ host: this.#options.host, port: this.#options.port });
    const address = this.#app.server.address();
    const port = typeof address === 'object' && address ? address.port : this.#options.port;
    const host = isIP(this.#options.host) === 6 ? `[${this.#options.host}]` : this.#options.host;
    return `http://${host}:${port}`;
  }

  /** From now on new requests get 503. Resolves when those under way have ended, or with false when `graceMs` is over. */
  async drain(graceMs: number): Promise<boolean> {
    this.#draining = true;
    if (this.#underway.size === 0) return true;
    const done = Promise.withResolvers<boolean>();
    this.#idle = () => done.resolve(true);
    const timer = setTimeout(() => done.resolve(false), graceMs);
    const drained = await done.promise;
    clearTimeout(timer);
    return drained;
  }

  /** Ends what is still under way with an error that says so, and closes the port. */
  async close(): Promise<void> {
    const gone = new Failure('shutting_down', 'The server is shutting down.', { retryAfterMs: 5_000 });
    for (const exchange of this.#underway) exchange.abort(gone);
    if (this.#underway.size > 0) await this.drain(2_000);
    await this.#app.close();
  }

  #build(): void {
    const app = this.#app;
    const options = this.#options;
    const known = new KnownRoutes(app);
    const authentication = new Authentication(options.schemes, options.emit);
    const cors = options.corsOrigins.length > 0 ? new Cors(options.corsOrigins) : undefined;

    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', (request, payload, done) =>
      new RequestBody(payload, request.routeOptions.bodyLimit, done).gather(),
    );
    app.decorateRequest('exchange');

    app.addHook('onRequest', (request, reply, next) => {
      // Read once: Fastify makes the object anew each time.
      const { url: route = 'unknown', config } = request.routeOptions;
      const { operation = 'other', open = false } = config;
      const exchange = new Exchange(request, reply, route, operation, options.emit, this.#over);
      request.exchange = exchange;
      this.#underway.add(exchange);
      // The reply to a call of a model is opened by its exchange.
      if (operation === 'other') reply.raw.setHeader('x-request-id', request.id);
      try {
        this.#checkHost(request.raw);
        if (cors?.admit(request.raw, reply.raw) && cors.isPreflight(request.raw)) {
          exchange.answered();
          reply.hijack();
          cors.answer(request.raw, reply.raw, known.allowed(pathOf(request)));
          return;
        }
        exchange.principal = open
          ? authentication.recognise(request.raw)
          : authentication.authenticate(request.id, request.raw);
        // Here and not in a handler: what is wrong with the body of a request to nowhere is no news.
        if (request.is404) throw known.failure(request.method, pathOf(request));
        if (this.#draining && !probes.has(route)) {
          throw new Failure('shutting_down', 'The server is shutting down; try another one, or again later.', {
            retryAfterMs: 5_000,
          });
        }
        const encoding = request.raw.headers['content-encoding'];
        if (encoding !== undefined && encoding !== 'identity') {
          throw new Failure('unsupported_media_type', 'Compressed request bodies are not taken; send it as it is.');
        }
      } catch (thrown) {
        next(thrown as Error);
        return;
      }
      next();
    });

    app.addHook('onSend', (request, reply, payload, next) => {
      request.exchange?.answered();
      // A plugin's own way to call a model, answered by Fastify.
      if (!reply.raw.hasHeader('x-request-id')) reply.header('x-request-id', request.id);
      next(null, payload);
    });

    const refuse = (request: FastifyRequest, reply: FastifyReply, thrown: unknown): void => {
      const failure = failureOf(thrown);
      if (failure.code === 'internal') {
        options.log.error({ request: request.id, err: thrown }, 'a request failed for a reason of ours');
      }
      const headers: Record<string, string> = { ...failure.headers };
      if (failure.code === 'invalid_api_key' && authentication.challenge) {
        headers['www-authenticate'] = authentication.challenge;
      }
      if (failure.code === 'method_not_allowed') headers.allow = known.allowed(pathOf(request)).join(', ');
      sendFailure(request, reply, failure, headers);
    };
    app.setErrorHandler((error, request, reply) => {
      reply.hijack();
      refuse(request, reply, error);
    });

    taskRoutes(app, {
      models: options.models,
      log: options.log,
      media: options.media,
      limiters: options.limiters,
      keepAliveMs: options.keepAliveMs,
      bodyLimit: options.bodyLimit,
      refuse,
    });
    statusRoutes(app, {
      models: options.models,
      draining: () => this.#draining,
      version: options.version,
      open: options.openRoutes,
      guarded: authentication.guards,
      ...(options.health && { health: options.health }),
    });
    docsRoutes(app);
    for (const { routes } of options.routes) app.register(routes);
  }

  readonly #over = (exchange: Exchange): void => {
    this.#underway.delete(exchange);
    if (this.#underway.size === 0) this.#idle?.();
  };

  /** A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding); then `Host` is that name. */
  #checkHost({ headers: { host: said = '' } }: IncomingMessage): void {
    // Most requests say what the one before said.
    if (!this.#local || said === this.#goodHost) return;
    const host = said.replace(/:\d+$/, '');
    if (loopback.test(host) || host === '' || this.#options.hosts.includes(host)) {
      this.#goodHost = said;
      return;
    }
    throw new Failure(
      'forbidden',
      'This server answers local requests only; add the name to server.hosts if it is yours.',
    );
  }
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i;
const probes = new Set(['/health', '/ready', '/metrics']);

function pathOf({ url }: FastifyRequest): string {
  return url.replace(/[?#].*$/s, '');
}

function requestId(request: { readonly headers: Record<string, unknown> }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
