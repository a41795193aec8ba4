import type { Registry } from 'prom-client';
import type { Log, Meter } from '../sdk/index.ts';

/** What the core lends to plugins. */
export interface CoreServices {
  readonly log: Log;
  meter(plugin: string): Meter;
  /** The folder of config.yaml. */
  readonly directory: string;
  registry(): Registry;
}
