import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { checkBmodelHeader } from './bmodel.ts';
import { DeviceFault } from './device-fault.ts';
import { Program } from './program.ts';

/** Types of tensor elements, as libbmrt numbers them. */
export const dtypes = ['f32', 'f16', 'i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'bf16', 'i4', 'u4'] as const;
export type DType = (typeof dtypes)[number];

/** A range of device memory that belongs to one runtime: allocated, or where a network has its tensors. */
export interface Memory {
  /** Unique in the process. */
  readonly id: number;
  readonly bytes: number;
}

export interface StageTensor {
  /** The largest one, for a dynamic network. */
  readonly shape: readonly number[];
  readonly memory: Memory;
}

export interface Stage {
  readonly inputs: readonly StageTensor[];
  readonly outputs: readonly StageTensor[];
}

export interface NetworkTensor {
  readonly name: string;
  readonly dtype: DType;
  /** Of the largest stage. */
  readonly maxBytes: number;
}

export interface Network {
  readonly name: string;
  /** Whether shapes smaller than the stage's may be launched. */
  readonly dynamic: boolean;
  /** 0 basic, 1 io_alone, 2 io_tag, 3 io_tag_fuse, 4 io_reloc. */
  readonly addressMode: number;
  readonly inputs: readonly NetworkTensor[];
  readonly outputs: readonly NetworkTensor[];
  readonly stages: readonly Stage[];
}

/** An input or output of a launch. Its type is the network's; its shape picks the stage. */
export interface Tensor {
  readonly memory: Memory;
  /** In bytes; absent: 0. */
  readonly offset?: number;
  readonly shape: readonly number[];
}

/** Sizes and offsets in bytes. Every range is checked against its memory before the step begins. */
export type Operation =
  | { readonly do: 'upload'; readonly to: Memory; readonly offset: number; readonly bytes: ArrayBufferView }
  | { readonly do: 'download'; readonly from: Memory; readonly offset: number; readonly into: ArrayBufferView }
  | {
      readonly do: 'copy';
      readonly from: Memory;
      readonly fromOffset: number;
      readonly to: Memory;
      readonly toOffset: number;
      readonly bytes: number;
    }
  | {
      readonly do: 'fill';
      readonly memory: Memory;
      readonly offset: number;
      /** Even. */
      readonly bytes: number;
      /** A pattern of 16 bits. */
      readonly value: number;
    }
  | {
      readonly do: 'launch';
      /** Its place in `runtime.networks`. */
      readonly network: number;
      readonly inputs: readonly Tensor[];
      readonly outputs: readonly Tensor[];
    };

/** One loaded bmodel with memory of its own: one request at a time, on the thread that opened it. */
export interface Runtime {
  readonly networks: readonly Network[];
  /** Device memory, not cleared. */
  allocate(bytes: number): Memory;
  free(memory: Memory): void;
  /**
   * Runs the operations in order and returns when the device has done them, in one native call on this thread, while no
   * other step runs on the device. `cancel[0]` other than 0, set from any thread, ends it before its next operation.
   * Throws a DeviceFault; after one that is `fatal` the runtime can only be closed.
   */
  step(operations: readonly Operation[], cancel?: Int32Array): void;
  /** Frees everything it has on the device. May be called again. */
  close(): void;
}

/** What the driver says; what it does not say is absent. */
export interface DeviceStat {
  readonly memoryTotalMB?: number;
  readonly memoryUsedMB?: number;
  readonly utilizationPercent?: number;
  readonly chipCelsius?: number;
  readonly boardCelsius?: number;
  readonly tpuWatts?: number;
}

/** One handle of a device for the whole process, however many threads open it; it is given back when the last has closed. */
export interface Device {
  readonly id: number;
  /** 0x1686 is the BM1684X. */
  chip(): number;
  /** Undefined where the driver tells nothing, as on the simulator. */
  stat(): DeviceStat | undefined;
  /** Why the device counts as lost: a step failed, and it did not answer a small question afterwards. */
  lost(): string | undefined;
  /** Steps that wait for the device now. */
  waiting(): number;
  open(bmodel: string): Runtime;
  /** Runtimes on it live on. May be called again. */
  close(): void;
}

export interface NativeOptions {
  /** The folder of libbmrt and libbmlib: `options.libraries`. */
  readonly libraries?: string | undefined;
  /** How long the driver waits for the device, in milliseconds; absent: as the driver has it. The driver keeps one for all. */
  readonly syncTimeoutMs?: number | undefined;
}

/**
 * Ways to break the rules, for tests that show what the rules are for: memory shared by all runtimes (libbmrt's SHARE_MEM,
 * which mixes up answers), no check for overlapping memory, no turnstile before the device.
 */
export interface Unsafe {
  readonly shareMemory?: boolean;
  readonly allowOverlap?: boolean;
  readonly noTurnstile?: boolean;
}

/** What native/src/addon.cc exports. */
interface Addon {
  /** Tries the folders in order, '' being the loader's own search; returns the one that had the libraries. */
  loadLibraries(folders: readonly string[]): string;
  Device: new (id: number, syncTimeoutMs: number) => AddonDevice;
  Runtime: new (device: AddonDevice, bmodel: string, unsafe: Unsafe) => AddonRuntime;
}

interface AddonDevice {
  chip(): number;
  stat(): DeviceStat;
  lost(): string | undefined;
  waiting(): number;
  close(): void;
}

interface AddonRuntime {
  networks(): AddonNetwork[];
  allocate(bytes: number): number;
  free(id: number): void;
  step(words: Float64Array, buffers: readonly Uint8Array[], cancel: Int32Array | undefined): void;
  close(): void;
}

/** Types by their number. */
type AddonNetwork = Omit<Network, 'inputs' | 'outputs'> & {
  readonly [side in 'inputs' | 'outputs']: readonly (Omit<NetworkTensor, 'dtype'> & { readonly dtype: number })[];
};

const librariesOfBox = '/opt/sophon/libsophon-current/lib';
/** An addon built elsewhere, for instance with the address sanitizer. */
const addonFile = process.env.BACKPLANE_SOPHON_ADDON;
const builtAddon = fileURLToPath(new URL('../native/build/sophon.node', import.meta.url));

/** Opens a device for this thread. Throws a DeviceFault that says what is missing and how to get it. */
export function openDevice(id: number, options: NativeOptions = {}): Device {
  return faulted(() => {
    const addon = loadAddon();
    // A folder that somebody named is the only one looked in: another version must not step in silently.
    const named = options.libraries ?? process.env.BACKPLANE_SOPHON_LIBRARIES;
    addon.loadLibraries(named ? [named] : [librariesOfBox, '']);
    const device = new addon.Device(id, options.syncTimeoutMs ?? 0);
    return {
      id,
      chip: () => faulted(() => device.chip()),
      stat: () => {
        const stat = faulted(() => device.stat());
        return Object.keys(stat).length > 0 ? stat : undefined;
      },
      lost: () => faulted(() => device.lost()),
      waiting: () => faulted(() => device.waiting()),
      open: (bmodel) => openRuntime(addon, device, bmodel),
      close: () => device.close(),
    };
  });
}

function openRuntime(addon: Addon, device: AddonDevice, bmodel: string): Runtime {
  checkBmodelHeader(bmodel);
  return faulted(() => {
    const runtime = new addon.Runtime(device, bmodel, unsafe());
    const program = new Program();
    return {
      networks: networksOf(runtime),
      allocate: (bytes) => faulted(() => ({ id: runtime.allocate(bytes), bytes })),
      free: (memory) => faulted(() => runtime.free(memory.id)),
      step: (operations, cancel) =>
        faulted(() => {
          program.encode(operations);
          runtime.step(program.words, program.buffers, cancel);
        }),
      close: () => faulted(() => runtime.close()),
    };
  });
}

function networksOf(runtime: AddonRuntime): Network[] {
  try {
    return runtime.networks().map(named);
  } catch (thrown) {
    runtime.close();
    throw thrown;
  }
}

function named({ inputs, outputs, ...network }: AddonNetwork): Network {
  const name = (tensor: AddonNetwork['inputs'][number]): NetworkTensor => {
    const dtype = dtypes[tensor.dtype];
    if (dtype !== undefined) return { ...tensor, dtype };
    throw new DeviceFault(
      `Network ${network.name} has a tensor of type ${tensor.dtype}, which Backplane does not know`,
      {
        fault: 'bmodel',
        fatal: true,
      },
    );
  };
  return { ...network, inputs: inputs.map(name), outputs: outputs.map(name) };
}

/** Read when a runtime is opened, from a variable whose name says what it is. */
function unsafe(): Unsafe {
  const words = process.env.BACKPLANE_SOPHON_TEST_UNSAFE?.split(',') ?? [];
  return {
    shareMemory: words.includes('share_memory'),
    allowOverlap: words.includes('allow_overlap'),
    noTurnstile: words.includes('no_turnstile'),
  };
}

function loadAddon(): Addon {
  const file = addonFile ?? builtAddon;
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (thrown) {
    const why = (thrown as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? 'it was not built' : String(thrown);
    throw new DeviceFault(
      `The native addon ${file} is not there: ${why}. Run npm run build:native in Backplane's folder, or native/build.sh of the package @backplane/sophon-tpu; they need g++`,
      { fault: 'library', fatal: true },
    );
  }
}

function faulted<T>(run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    throw DeviceFault.from(thrown);
  }
}
