import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure, type ModelSpec } from '@backplane/core/sdk';
import { checkBmodelDigest } from './bmodel.ts';
import { DeviceFault } from './device-fault.ts';
import { allocate, type DeviceMemory } from './device-memory.ts';
import { History } from './history.ts';
import { type ModelConfig, readModelConfig } from './model-config.ts';
import { type Device, type Operation, openDevice, type Runtime } from './native.ts';
import { type Layout, readLayout } from './networks.ts';
import type { Options } from './options.ts';
import { patchMemory } from './patch-memory.ts';
import { Prompts } from './prompt.ts';

/** What `bm_get_chipid` says of a BM1684X. */
const bm1684x = 0x1686;

/** A model that is open on a device: its networks, its memory there, and what lies in its cache. One call at a time. */
export class Model {
  readonly config: ModelConfig;
  readonly prompts: Prompts;
  readonly layout: Layout;
  readonly memory: DeviceMemory;
  readonly history = new History();
  /** Room on this side for the patches of the largest picture. */
  readonly patches: Float32Array<ArrayBuffer>;
  /** The bmodel's name, without its folder. */
  readonly file: string;
  /** Resolves, with a sentence, when a step broke it: it can only be closed then. */
  readonly broken: Promise<string>;
  readonly #device: Device;
  readonly #runtime: Runtime;
  readonly #break: (reason: string) => void;

  private constructor(file: string, config: ModelConfig, prompts: Prompts, device: Device, runtime: Runtime) {
    const broken = Promise.withResolvers<string>();
    this.file = file;
    this.config = config;
    this.prompts = prompts;
    this.#device = device;
    this.#runtime = runtime;
    this.broken = broken.promise;
    this.#break = broken.resolve;
    this.layout = readLayout(runtime.networks);
    this.memory = allocate(runtime, this.layout);
    this.patches = patchMemory(this.layout.sight?.maxPatches ?? 0);
  }

  /** Throws `backend_failed` with a sentence for whatever is missing or does not fit. */
  static async open({ options, directory }: ModelSpec<Options>, signal: AbortSignal): Promise<Model> {
    const folder = resolve(directory, options.model_dir);
    const config = await readModelConfig(folder);
    const file = await findBmodel(folder, options.bmodel);
    const path = join(folder, file);
    const prompts = new Prompts(config, { escapeSpecialTokens: options.escape_special_tokens });
    try {
      if (options.sha256) await checkBmodelDigest(path, options.sha256, signal);
      signal.throwIfAborted();
      const libraries = options.libraries === undefined ? undefined : resolve(directory, options.libraries);
      const device = openDevice(options.device, { libraries, syncTimeoutMs: options.sync_timeout_ms });
      return openOn(device, () => {
        checkChip(device);
        const runtime = device.open(path);
        return openOn(runtime, () => new Model(file, config, prompts, device, runtime));
      });
    } catch (thrown) {
      throw thrown instanceof DeviceFault ? thrown.toFailure() : thrown;
    }
  }

  /** Runs one step. Throws a Failure; after one that breaks the model, `broken` has its sentence. */
  step(operations: readonly Operation[], cancelled: Int32Array | undefined): void {
    try {
      this.#runtime.step(operations, cancelled);
    } catch (thrown) {
      const fault = DeviceFault.from(thrown);
      if (fault.fatal) this.#break(fault.message);
      throw fault.toFailure();
    }
  }

  /** What the driver says of the chip. */
  stat() {
    return this.#device.stat();
  }

  /** Why the device counts as lost. */
  lost(): string | undefined {
    return this.#device.lost();
  }

  close(): void {
    this.#runtime.close();
    this.#device.close();
  }
}

/** Closes what was opened when what comes next fails. */
function openOn<T>(opened: { close(): void }, next: () => T): T {
  try {
    return next();
  } catch (thrown) {
    opened.close();
    throw thrown;
  }
}

function checkChip(device: Device): void {
  const chip = device.chip();
  if (chip === bm1684x) return;
  const name = `0x${chip.toString(16)}`;
  throw new Failure('backend_failed', `Device ${device.id} is a ${name} and no BM1684X (0x1686): name another device.`);
}

export async function findBmodel(folder: string, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const files = (await readdir(folder)).filter((name) => name.endsWith('.bmodel')).sort();
  const [only] = files;
  if (only !== undefined && files.length === 1) return only;
  const why =
    only === undefined ? 'has no .bmodel; put it there' : `has several (${files.join(', ')}); name one in bmodel`;
  throw new Failure('backend_failed', `The model folder ${folder} ${why}.`);
}
