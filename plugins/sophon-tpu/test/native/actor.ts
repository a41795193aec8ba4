import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DeviceFault } from '../../src/device-fault.ts';
import {
  type Device,
  type Memory,
  type Operation,
  openDevice,
  type Runtime,
  type Stage,
  type StageTensor,
} from '../../src/native.ts';

/**
 * A process that does what its arguments say, one after the other, and prints the results as JSON: a model file, then
 * actions. `1> ACTION` has thread 1 do it, a final `&` does not wait for it, `wait` waits for all of those, `until-held N`
 * for the stand-in to hold as many calls, `until-waiting N` for N steps that wait for the device.
 */
const runtimes = new Map<string, Runtime>();
const cancel: Int32Array = isMainThread ? new Int32Array(new SharedArrayBuffer(4)) : workerData.cancel;
const model: string = isMainThread ? (process.argv[2] ?? '') : workerData.model;
let device: Device | undefined;

function open(id = 0): Device {
  device ??= openDevice(id);
  return device;
}

const actions: Record<string, (name: string, ...more: string[]) => unknown> = {
  device: (id = '0') => void open(Number(id)),
  libraries: (folder) => void openDevice(0, { libraries: folder }),
  open: (name) => void runtimes.set(name, open().open(model)),
  networks: (name) => of(name).networks,
  step: (name, value = '7', times = '1') => {
    let out: unknown;
    for (let i = 0; i < Number(times); i++) out = step(of(name), Number(value));
    return out;
  },
  cancellable: (name) => step(of(name), 1, cancel),
  cancel: () => void Atomics.store(cancel, 0, 1),
  again: () => void Atomics.store(cancel, 0, 0),
  allocate: (name, bytes) => of(name).allocate(Number(bytes)).bytes,
  raw: (name, operations) => of(name).step(resolve(of(name), JSON.parse(operations ?? '[]'))),
  embed: (name, token, times = '1') => {
    const rows = Array.from({ length: Number(times) }, () => embed(of(name), Number(token)));
    return [...new Set(rows)];
  },
  bytes: (name) => {
    const runtime = of(name);
    const into = Buffer.alloc(16);
    runtime.step([{ do: 'download', from: memoryOf(runtime, 0), offset: 0, into }]);
    return into.toString('hex');
  },
  health: () => open().lost() ?? 'answers',
  stat: () => open().stat(),
  chip: () => open().chip(),
  close: (name) => of(name).close(),
  leave: () => device?.close(),
  order: (...lines) => writeFileSync(process.env.STAND_IN_CONTROL as string, lines.join(' ').replaceAll('; ', '\n')),
};

function of(name: string): Runtime {
  const runtime = runtimes.get(name);
  if (!runtime) throw new Error(`the test opened no ${name}`);
  return runtime;
}

/** Where a network has its input. */
function memoryOf(runtime: Runtime, network: number): Memory {
  return runtime.networks[network]?.stages[0]?.inputs[0]?.memory as Memory;
}

/** Host to `first`, to `second`, and back. */
function step(runtime: Runtime, value: number, flag?: Int32Array): number[] {
  const [first, second] = runtime.networks.map((network) => network.stages[0]);
  const [input, between, , output] = [first?.inputs[0], first?.outputs[0], second?.inputs[0], second?.outputs[0]];
  if (!input || !between || !output) throw new Error('the model of the test has two networks');
  const into = new Int32Array(4);
  runtime.step(
    [
      { do: 'upload', to: input.memory, offset: 0, bytes: new Int32Array([value, value + 1, value + 2, value + 3]) },
      { do: 'launch', network: 0, inputs: [input], outputs: [between] },
      { do: 'launch', network: 1, inputs: [between], outputs: [output] },
      { do: 'download', from: output.memory, offset: 0, into },
    ],
    flag,
  );
  return [...into];
}

/** One row of the embedding of a real model, in hexadecimal. */
function embed(runtime: Runtime, token: number): string {
  const network = runtime.networks.findIndex(({ name }) => name === 'embedding_cache');
  const { inputs, outputs } = runtime.networks[network]?.stages[0] as Stage;
  const [input, output] = [inputs[0] as StageTensor, outputs[0] as StageTensor];
  const into = Buffer.alloc(output.memory.bytes);
  runtime.step([
    { do: 'upload', to: input.memory, offset: 0, bytes: new Int32Array([token]) },
    { do: 'launch', network, inputs, outputs },
    { do: 'download', from: output.memory, offset: 0, into },
  ]);
  return into.toString('hex');
}

/** Operations of a test, where a memory is written as `{"input": network}` and a host buffer as its length. */
function resolve(runtime: Runtime, operations: Record<string, unknown>[]): Operation[] {
  const memory = (wanted: { input?: number; foreign?: string }) =>
    memoryOf(wanted.foreign ? of(wanted.foreign) : runtime, wanted.input ?? 0);
  const one = (value: unknown, key: string): unknown => {
    if (key === 'into' || (key === 'bytes' && Array.isArray(value))) return new Uint8Array((value as number[])[0] ?? 0);
    if (key === 'inputs' || key === 'outputs') {
      return (value as { memory: object }[]).map((tensor) => ({ ...tensor, memory: memory(tensor.memory) }));
    }
    return typeof value === 'object' ? memory(value as object) : value;
  };
  return operations.map((operation) =>
    Object.fromEntries(Object.entries(operation).map(([key, value]) => [key, one(value, key)])),
  ) as unknown as Operation[];
}

function perform(action: string): unknown {
  const [verb = '', ...words] = action.split(' ');
  try {
    return actions[verb]?.(...(words as [string])) ?? 'done';
  } catch (thrown) {
    if (!(thrown instanceof DeviceFault)) return { bug: String(thrown) };
    const { message, fault, fatal, status, operation, network } = thrown;
    return { message, fault, fatal, status, operation, network };
  }
}

const workers = new Map<string, Worker>();

async function inThread(id: string, action: string): Promise<unknown> {
  const worker = workers.get(id) ?? new Worker(new URL(import.meta.url), { workerData: { model, cancel } });
  workers.set(id, worker);
  if (action === 'terminate') return worker.terminate().then(() => 'terminated');
  return new Promise((settle) => {
    worker.once('message', settle);
    worker.once('exit', () => settle('the thread ended'));
    worker.postMessage(action);
  });
}

async function script(lines: readonly string[]): Promise<unknown[]> {
  const results: unknown[] = [];
  const underway: Promise<unknown>[] = [];
  for (const line of lines) {
    const [, id, action = '', later] = /^(?:(\d+)> )?(.*?)( &)?$/.exec(line) ?? [];
    const index = results.push(undefined) - 1;
    const run = async () => {
      if (id !== undefined) return inThread(id, action);
      if (action === 'wait') return Promise.all(underway).then(() => 'done');
      if (action.startsWith('until-held ')) return until(() => held() === Number(action.split(' ')[1]));
      if (action.startsWith('until-waiting ')) return until(() => open().waiting() === Number(action.split(' ')[1]));
      return perform(action);
    };
    const result = run().then((value) => {
      results[index] = value;
    });
    if (later) underway.push(result);
    else await result;
  }
  return results;
}

/** Calls that the stand-in has held so far. */
function held(): number {
  const file = `${process.env.STAND_IN_CONTROL}.held`;
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

async function until(holds: () => boolean): Promise<string> {
  while (!holds()) await new Promise((next) => setTimeout(next, 2));
  return 'done';
}

if (isMainThread) {
  const results = await script(process.argv.slice(3));
  for (const worker of workers.values()) worker.unref();
  device?.close();
  process.stdout.write(`${JSON.stringify(results)}\n`);
} else {
  parentPort?.on('message', (action: string) => parentPort?.postMessage(perform(action)));
}
