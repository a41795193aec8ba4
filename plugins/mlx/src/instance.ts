import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import {
  type Call,
  type ChatEvent,
  type ChatRequest,
  type CompletionRequest,
  type Facts,
  Failure,
  type Health,
  type Instance,
  type Log,
  type ModelSpec,
  type Tasks,
} from '@backplane/core/sdk';
import {
  type ChildMetrics,
  ChildServer,
  converse,
  estimatePromptTokens,
  Fleet,
  type FleetMetrics,
  inquire,
  upstreamOptions,
} from '@backplane/core/upstream';
import type { Engine, Launched, Post, Talk } from './engine.ts';
import { Measure } from './measure.ts';
import { mlxLm } from './mlx-lm.ts';
import { type ModelFolder, readModelFolder } from './model-folder.ts';
import { openaiServers } from './openai-server.ts';
import type { Options } from './options.ts';
import { cachedFolder, engineVersion, findPython } from './python.ts';

/** Tokens that an answer may have when neither the caller nor the model says. */
const defaultRoom = 32_768;
/** How long after a broken connection it may take until the end of the process is known. ms. */
const deathWithinMs = 1_000;
/** How exact the timeouts of connections are. ms. */
const tickMs = 1_000;

/** The child is one upstream: its place in a list is of no interest to a metric. */
const unmeasured: FleetMetrics = { watch() {}, forget() {}, attempted() {}, retried() {} };

/** Where an instance is, and who measures it. */
export interface MlxHost {
  readonly log: Log;
  readonly index: number;
  readonly metrics: ChildMetrics;
}

/**
 * One server with one model, in a process of its own. It is never restarted: when it ends, so does this instance, and the
 * core makes another.
 */
export class MlxInstance implements Instance {
  readonly #spec: ModelSpec<Options>;
  readonly #host: MlxHost;
  readonly #engine: Engine;
  readonly #ended = Promise.withResolvers<string>();
  readonly ended = this.#ended.promise;
  // Properties, since a method that is there is a task that is offered.
  readonly chat?: Tasks['chat'];
  readonly complete?: Tasks['complete'];
  readonly embed?: Tasks['embed'];
  readonly transcribe?: Tasks['transcribe'];
  #launched: Launched | undefined;
  #child: ChildServer | undefined;
  #fleet: Fleet | undefined;
  #measure = new Measure({});
  /** When anything last came from the child, ms. */
  #heardAt = 0;

  constructor(spec: ModelSpec<Options>, host: MlxHost) {
    this.#spec = spec;
    this.#host = host;
    const { options } = spec;
    const engine = (options.engine === 'mlx-lm' ? mlxLm : openaiServers[options.type]) as Engine;
    this.#engine = engine;
    const { chat, complete } = engine;
    if (chat) this.chat = (request, call) => this.#converse(chat, request, call);
    if (complete) this.complete = (request, call) => this.#converse(complete, request, call);
    if (engine.embed)
      this.embed = async (request, call) => engine.embed?.(request, this.#post(call), this.#measure) as never;
    if (engine.transcribe)
      this.transcribe = async (request, call) => engine.transcribe?.(request, this.#post(call)) as never;
  }

  async load(signal: AbortSignal): Promise<Facts> {
    const { options, directory } = this.#spec;
    const { path, timeouts } = options;
    const { title, distribution } = this.#engine;
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeouts.load)]);
    const interpreter = await findPython(options.python, directory);
    const version = await engineVersion(interpreter, options.python, within, distribution);
    const remote = path.startsWith('hf:');
    let place: string | undefined = remote ? undefined : resolve(directory, path);
    // Before the child is started: it would say the same, later and less clearly.
    let folder = place === undefined ? undefined : await readModelFolder(place, path);
    const launched = await this.#engine.launch({ interpreter, options, directory, version, signal: within });
    this.#launched = launched;
    const child = new ChildServer(launched.program, this.#host.log);
    this.#child = child;
    this.#host.metrics.watch(child, { model: this.#spec.id, instance: this.#host.index });
    try {
      await child.start(within);
    } catch (thrown) {
      // Here and not in unload, for which a server that stops does not wait once a load has failed.
      await launched.release?.();
      throw thrown;
    }
    void child.died.then(async (reason) => {
      await launched.release?.();
      this.#ended.resolve(reason);
    });
    if (remote) {
      place = await cachedFolder(interpreter, path.slice(3), within);
      folder = place === undefined ? undefined : await readModelFolder(place, path);
    }
    const template = await this.#template();
    const contextLength = options.context_length ?? folder?.contextLength;
    this.#measure = new Measure({ folder: place, contextLength, template, log: this.#host.log });
    this.#fleet = this.#makeFleet(child, launched.model);
    this.#host.log.info({ pid: child.pid, engine: `${distribution} ${version}` }, `${title} is ready`);
    return this.#facts(folder, version);
  }

  async unload(): Promise<void> {
    const child = this.#child;
    if (child) {
      this.#host.metrics.forget(child);
      await child.stop(this.#spec.options.timeouts.stop ?? this.#engine.stopMs);
    }
    await this.#fleet?.close();
    await this.#launched?.release?.();
  }

  async health(): Promise<Health> {
    const child = this.#child;
    const { title } = this.#engine;
    if (!child) return { status: 'failed', reason: `${title} was never started` };
    const well = child.ended === undefined ? await child.healthy() : false;
    if (well === false) child.condemn(`${title} says that it is unavailable`);
    const ended = well === false ? await child.endedWithin(deathWithinMs) : child.ended;
    if (ended !== undefined) return { status: 'failed', reason: ended };
    if (well) return { status: 'ready' };
    return { status: 'degraded', reason: `${title} does not answer` };
  }

  /** Always streamed: of a call that is not, the child notices no cancel, and computes to its end. */
  async *#converse<R extends ChatRequest | CompletionRequest>(
    talk: Talk<R>,
    request: R,
    call: Call,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { child, fleet } = this.#running();
    const room = (await this.#measure.room(request)) ?? defaultRoom;
    const sent = { request, room, call };
    const body = await talk.body(sent);
    let heard = false;
    let said = false;
    const question = {
      path: talk.path,
      body: () => body,
      key: undefined,
      promptTokens: estimatePromptTokens(request),
      heard: () => {
        heard = true;
        this.#heardAt = performance.now();
      },
    };
    try {
      const events = converse(fleet, question, call);
      for await (const event of talk.read ? talk.read(events, sent) : events) {
        said ||= event.type !== 'started';
        yield event;
      }
    } catch (thrown) {
      if (call.signal.aborted) throw thrown;
      const failure = await this.#explain(Failure.from(thrown, 'backend_failed'), child, heard);
      const own = failure.code === 'backend_failed' && !said && child.ended === undefined;
      throw (own ? await this.#measure.refusal(request) : undefined) ?? failure;
    }
  }

  #post(call: Call): Post {
    return async (path, bytes, contentType) => {
      const { child, fleet } = this.#running();
      const question = { path, body: () => bytes, key: undefined, ...(contentType !== undefined && { contentType }) };
      try {
        return await inquire(fleet, question, call);
      } catch (thrown) {
        throw call.signal.aborted ? thrown : await this.#explain(Failure.from(thrown, 'backend_failed'), child, false);
      } finally {
        this.#heardAt = performance.now();
      }
    };
  }

  #running(): { readonly child: ChildServer; readonly fleet: Fleet } {
    const child = this.#child;
    const fleet = this.#fleet;
    if (!child || !fleet) throw new Failure('not_ready', `${this.#engine.title} has not been started`);
    if (child.ended !== undefined) throw new Failure('backend_failed', child.ended);
    return { child, fleet };
  }

  /** What went wrong, in the terms of who is to blame. `heard`: whether anything had come of the reply. */
  async #explain(failure: Failure, child: ChildServer, heard: boolean): Promise<Failure> {
    const { title } = this.#engine;
    // It says 404 for whatever goes wrong before the first token: mostly what the chat template makes of the request.
    if (failure.code === 'not_found') {
      return new Failure('invalid_request', `${title} could not take the request: ${failure.message}`);
    }
    if (failure.code === 'timeout') {
      const silent = performance.now() - this.#heardAt;
      const { idle } = this.#spec.options.timeouts;
      // Nothing for anyone: it is stuck, and not only slow with this one.
      if (silent + tickMs >= (heard ? idle : this.#firstByteMs)) {
        child.condemn(`${title} had work and gave no sign of life for ${Math.round(silent / 1_000)} s`);
      }
      return failure;
    }
    if (failure.code !== 'backend_failed' || (await child.healthy())) return failure;
    const ended = await child.endedWithin(deathWithinMs);
    return ended === undefined ? failure : new Failure('backend_failed', ended, { cause: failure });
  }

  get #firstByteMs(): number {
    return this.#spec.options.timeouts.first_byte ?? this.#engine.firstByteMs;
  }

  #makeFleet(child: ChildServer, model: string): Fleet {
    const { idle } = this.#spec.options.timeouts;
    const { upstreams, ...rest } = upstreamOptions.parse({
      upstreams: [{ url: child.origin, model }],
      timeouts: { first_byte: this.#firstByteMs, idle },
      // Its health is asked elsewhere, and there is no other that could be asked instead.
      probe: { enabled: false },
      retry: { attempts: 0 },
    });
    const { title } = this.#engine;
    const named = { ...rest, upstreams: upstreams.map((host) => ({ ...host, title })) };
    return new Fleet(this.#spec.id, named, this.#host.log, unmeasured);
  }

  /** The operator's own chat template. */
  async #template(): Promise<string | undefined> {
    const { options, directory } = this.#spec;
    return options.chat_template === undefined
      ? undefined
      : readFile(resolve(directory, options.chat_template), 'utf8');
  }

  #facts(folder: ModelFolder | undefined, version: string): Facts {
    const { path, slots } = this.#spec.options;
    const { contextLength } = this.#measure;
    const generates = this.#engine.chat !== undefined;
    return {
      ...this.#engine.facts(folder),
      slots,
      ...(contextLength !== undefined && generates && { contextLength }),
      details: {
        model: basename(path),
        engine: `${this.#engine.distribution} ${version}`,
        ...(folder?.architecture !== undefined && { architecture: folder.architecture }),
        ...(folder?.bits !== undefined && { quantization_bits: folder.bits }),
      },
    };
  }
}
