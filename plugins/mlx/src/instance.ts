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
} from '@backplane/core/sdk';
import {
  ChildServer,
  converse,
  estimatePromptTokens,
  Fleet,
  type FleetMetrics,
  upstreamOptions,
} from '@backplane/core/upstream';
import { type ModelFolder, readModelFolder } from './model-folder.ts';
import type { Options } from './options.ts';
import { serverProgram, title } from './program.ts';
import { cachedFolder, engineVersion, findPython } from './python.ts';
import { encodeChat, encodeCompletion, parameters } from './request.ts';
import { withTags } from './thinking.ts';

/** Tokens that an answer may have when neither the caller nor the model says. */
const defaultRoom = 32_768;
/** How long after a broken connection it may take until the end of the process is known. ms. */
const deathWithinMs = 1_000;

/** The child is one upstream: its place in a list is of no interest to a metric. */
const unmeasured: FleetMetrics = { watch() {}, forget() {}, attempted() {}, retried() {} };

/** One `mlx_lm.server` with one model. It is never restarted: when it ends, so does this instance, and the core makes another. */
export class MlxInstance implements Instance {
  readonly #spec: ModelSpec<Options>;
  readonly #log: Log;
  #child: ChildServer | undefined;
  #fleet: Fleet | undefined;
  #room = defaultRoom;

  constructor(spec: ModelSpec<Options>, log: Log) {
    this.#spec = spec;
    this.#log = log;
  }

  async load(signal: AbortSignal): Promise<Facts> {
    const { options, directory } = this.#spec;
    const { path, timeouts } = options;
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeouts.load)]);
    const interpreter = await findPython(options.python, directory);
    const version = await engineVersion(interpreter, options.python, within);
    const remote = path.startsWith('hf:');
    // Before the child is started: it would say the same, later and less clearly.
    let folder = remote ? undefined : await readModelFolder(resolve(directory, path), path);
    const child = new ChildServer(await serverProgram({ interpreter, options, directory }), this.#log);
    this.#child = child;
    await child.start(within);
    if (remote) folder = await this.#readCached(interpreter, path.slice(3), within);
    this.#fleet = this.#makeFleet(child);
    this.#log.info({ pid: child.pid, engine: `mlx-lm ${version}` }, `${title} is ready`);
    return this.#facts(folder, version);
  }

  async unload(): Promise<void> {
    await this.#child?.stop(this.#spec.options.timeouts.stop);
    await this.#fleet?.close();
  }

  async health(): Promise<Health> {
    const child = this.#child;
    if (!child) return { status: 'failed', reason: `${title} was never started` };
    const well = child.ended === undefined ? await child.healthy() : false;
    if (well === false) child.condemn(`${title} says that it is unavailable`);
    const ended = well === false ? await child.endedWithin(deathWithinMs) : child.ended;
    if (ended !== undefined) return { status: 'failed', reason: ended };
    if (well) return { status: 'ready' };
    return { status: 'degraded', reason: `${title} does not answer` };
  }

  chat(request: ChatRequest, call: Call): AsyncIterable<ChatEvent> {
    return this.#ask('/v1/chat/completions', request, encodeChat(request, this.#room), call);
  }

  complete(request: CompletionRequest, call: Call): AsyncIterable<ChatEvent> {
    return this.#ask('/v1/completions', request, encodeCompletion(request, this.#room), call);
  }

  /** Always streamed: of a call that is not, the child notices no cancel, and computes to its end. */
  async *#ask(
    path: string,
    request: ChatRequest | CompletionRequest,
    body: Uint8Array,
    call: Call,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const child = this.#child;
    const fleet = this.#fleet;
    if (!child || !fleet) throw new Failure('not_ready', `${title} has not been started`);
    if (child.ended !== undefined) throw new Failure('backend_failed', child.ended);
    const question = { path, body: () => body, key: undefined, promptTokens: estimatePromptTokens(request) };
    let calls = 0;
    try {
      for await (const event of withTags(converse(fleet, question, call))) {
        if (event.type === 'tool_call') calls++;
        if (event.type === 'finish' && event.reason === 'tool_calls' && calls === 0) {
          // It drops a call whose text it cannot read, and reports success.
          throw new Failure('backend_failed', `the model wrote a tool call that ${title} could not read`);
        }
        yield event;
      }
    } catch (thrown) {
      throw call.signal.aborted ? thrown : await explain(Failure.from(thrown, 'backend_failed'), child);
    }
  }

  #makeFleet(child: ChildServer): Fleet {
    const { first_byte, idle } = this.#spec.options.timeouts;
    const { upstreams, ...rest } = upstreamOptions.parse({
      upstreams: [{ url: child.origin, model: 'default_model' }],
      timeouts: { first_byte, idle },
      // Its health is asked elsewhere, and there is no other that could be asked instead.
      probe: { enabled: false },
      retry: { attempts: 0 },
    });
    const named = { ...rest, upstreams: upstreams.map((host) => ({ ...host, title })) };
    return new Fleet(this.#spec.id, named, this.#log, unmeasured);
  }

  async #readCached(interpreter: string, repo: string, signal: AbortSignal): Promise<ModelFolder | undefined> {
    const folder = await cachedFolder(interpreter, repo, signal);
    return folder === undefined ? undefined : readModelFolder(folder, repo);
  }

  #facts(folder: ModelFolder | undefined, version: string): Facts {
    const { path, slots, context_length } = this.#spec.options;
    const contextLength = context_length ?? folder?.contextLength;
    this.#room = contextLength ?? defaultRoom;
    const tools = folder?.tools ?? true;
    return {
      // The tags are put back, so the core finds reasoning in the text; and tool calls that the engine leaves there,
      // since it reads them only for chat templates that it recognises.
      dialect: 'qwen3',
      parameters: [...parameters, ...(tools ? ['tools'] : [])],
      slots,
      ...(contextLength !== undefined && { contextLength }),
      details: {
        model: basename(path),
        engine: `mlx-lm ${version}`,
        ...(folder?.architecture !== undefined && { architecture: folder.architecture }),
        ...(folder?.bits !== undefined && { quantization_bits: folder.bits }),
      },
    };
  }
}

/** What went wrong, in the terms of who is to blame. */
async function explain(failure: Failure, child: ChildServer): Promise<Failure> {
  // It says 404 for whatever goes wrong before the first token: mostly what the chat template makes of the request.
  if (failure.code === 'not_found') {
    return new Failure('invalid_request', `${title} could not take the request: ${failure.message}`);
  }
  if (failure.code !== 'backend_failed' || (await child.healthy())) return failure;
  const ended = await child.endedWithin(deathWithinMs);
  return ended === undefined ? failure : new Failure('backend_failed', ended, { cause: failure });
}
