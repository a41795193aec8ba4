import {
  type Call,
  type ChatEvent,
  type EmbedResult,
  Failure,
  type Instance,
  type Log,
  type Media,
  type Transcript,
  tasks,
} from '../sdk/index.ts';
import { endOf } from './ended.ts';
import { type FromInstance, type Port, type ToInstance, window } from './protocol.ts';
import { recall } from './recall.ts';

interface Running {
  readonly abort: AbortController;
  /** Events sent and not yet consumed by the server. */
  underway: number;
  resume: (() => void) | undefined;
}

/** The far side of a channel: one instance, served to the server. Resolves when it was unloaded. */
export function serveInstance(port: Port<FromInstance, ToInstance>): Promise<void> {
  const log = portLog(port, {});
  const calls = new Map<number, Running>();
  const fetches = new Map<number, { resolve(media: Media): void; reject(failure: Failure): void }>();
  const loading = new AbortController();
  let fetchCount = 0;
  let making: Promise<Instance> | undefined;
  let instance: Instance | undefined;

  const fetchMedia = (call: number, url: string): Promise<Media> =>
    new Promise((resolve, reject) => {
      const fetch = fetchCount++;
      fetches.set(fetch, { resolve, reject });
      port.post({ type: 'media', fetch, call, url });
    });

  const load = async (message: Extract<ToInstance, { type: 'load' }>): Promise<void> => {
    try {
      making = recall(message.blueprint, log);
      instance = await making;
      const ended = endOf(instance);
      if (loading.signal.aborted) throw new Failure('cancelled', 'loading was cancelled');
      const facts = await instance.load(loading.signal);
      port.post({ type: 'loaded', facts, tasks: tasks.filter((task) => instance?.[task] !== undefined) });
      void ended?.then((reason) => port.post({ type: 'ended', reason }));
    } catch (thrown) {
      port.post({ type: 'load_failed', failure: Failure.from(thrown, 'backend_failed').toJSON() });
    }
  };

  const serve = async (message: Extract<ToInstance, { type: 'call' }>): Promise<void> => {
    const running: Running = { abort: new AbortController(), underway: 0, resume: undefined };
    calls.set(message.call, running);
    const call: Call = {
      id: message.id,
      signal: running.abort.signal,
      ...(message.cancelled && { cancelled: message.cancelled }),
      log: portLog(port, { request: message.id }),
      media: (url) => fetchMedia(message.call, url),
    };
    try {
      const answer = answerOf(instance as Instance, message, call);
      if (answer instanceof Promise) {
        port.post({ type: 'result', call: message.call, result: await answer });
        return;
      }
      for await (const event of answer) {
        port.post({ type: 'event', call: message.call, event });
        if (++running.underway >= window && !running.abort.signal.aborted) {
          await new Promise<void>((resolve) => {
            running.resume = resolve;
          });
        }
        if (running.abort.signal.aborted) break;
      }
      port.post({ type: 'end', call: message.call });
    } catch (thrown) {
      port.post({ type: 'failed', call: message.call, failure: Failure.from(thrown, 'backend_failed').toJSON() });
    } finally {
      calls.delete(message.call);
    }
  };

  return new Promise((resolve) => {
    port.listen((message) => {
      switch (message.type) {
        case 'load':
          void load(message);
          break;
        case 'call':
          void serve(message);
          break;
        case 'consumed': {
          const running = calls.get(message.call);
          if (!running) break;
          running.underway -= message.events;
          running.resume?.();
          running.resume = undefined;
          break;
        }
        case 'cancel': {
          const running = calls.get(message.call);
          running?.abort.abort();
          running?.resume?.();
          break;
        }
        case 'media': {
          const waiting = fetches.get(message.fetch);
          fetches.delete(message.fetch);
          if (message.media) waiting?.resolve(message.media);
          else if (message.failure) waiting?.reject(Failure.fromJSON(message.failure));
          break;
        }
        case 'health':
          void health(instance).then((state) => port.post({ type: 'health', health: state }));
          break;
        case 'unload':
          loading.abort();
          for (const running of calls.values()) {
            running.abort.abort();
            running.resume?.();
          }
          // The place closes when this is over, so what is still being made must be there first.
          void unload(making, log).then(() => {
            port.post({ type: 'unloaded' });
            resolve();
          });
          break;
      }
    });
  });
}

function answerOf(
  instance: Instance,
  { task, request }: Extract<ToInstance, { type: 'call' }>,
  call: Call,
): AsyncIterable<ChatEvent> | Promise<EmbedResult | Transcript> {
  if (!instance[task]) throw new Failure('unsupported_task', `this model has no ${task}`);
  return (instance as Required<Instance>)[task](request as never, call);
}

async function health(instance: Instance | undefined) {
  try {
    return (await instance?.health?.()) ?? ({ status: 'ready' } as const);
  } catch (thrown) {
    return { status: 'degraded', reason: Failure.from(thrown).message } as const;
  }
}

async function unload(making: Promise<Instance> | undefined, log: Log): Promise<void> {
  const instance = await making?.catch(() => undefined);
  try {
    await instance?.unload();
  } catch (thrown) {
    log.error({ err: thrown }, 'unload threw');
  }
}

/** A log whose lines are written by the server, so that there is one stream and one level. */
function portLog(port: Port<FromInstance, ToInstance>, bound: object): Log {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    const err = (fields as { err?: unknown }).err;
    const plain =
      err instanceof Error ? { ...fields, err: { type: err.name, message: err.message, stack: err.stack } } : fields;
    port.post({ type: 'log', level, fields: { ...bound, ...plain }, message });
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => portLog(port, { ...bound, ...fields }),
  };
}
