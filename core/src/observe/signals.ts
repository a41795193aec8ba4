import type { Log, Observer, Signal } from '../sdk/index.ts';

interface Listener {
  readonly plugin: string;
  readonly observer: Observer;
}

/** Tells every observer what happened, synchronously, in the order they were added. */
export class Signals {
  readonly #log: Log;
  #listeners: readonly Listener[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(plugin: string, observer: Observer): void {
    this.#listeners = [...this.#listeners, { plugin, observer }];
  }

  /** Never throws. Runs per output piece, hence no allocation. */
  emit(signal: Signal): void {
    for (const listener of this.#listeners) {
      try {
        listener.observer(signal);
      } catch (thrown) {
        this.#drop(listener, signal, thrown);
      }
    }
  }

  #drop(listener: Listener, signal: Signal, thrown: unknown): void {
    // An observer that emits from inside itself may fail twice before it is gone.
    if (!this.#listeners.includes(listener)) return;
    this.#listeners = this.#listeners.filter((other) => other !== listener);
    this.#log.error(
      { plugin: listener.plugin, signal: signal.type, err: thrown },
      `The observer of plugin ${listener.plugin} failed and gets no more signals; calls go on without it`,
    );
  }
}
