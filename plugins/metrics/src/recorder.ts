import type { DeviceReadings, InstanceName, Settled, Signal } from '@backplane/core/sdk';
import type { Families } from './families.ts';
import { Kept } from './kept.ts';
import { Tally } from './late.ts';
import { InstanceSeries, ModelSeries } from './series.ts';

/** Label of a call that named no configured model; what it named instead is the client's word and never a label. */
const unknown = '_unknown';

/** Turns signals into metrics. Label values are names from config.yaml and words of the contract, nothing else. */
export class Recorder {
  readonly #families: Families;
  readonly #models = new Kept((model: string, backend: string) => new ModelSeries(this.#families, model, backend));
  readonly #instances = new Kept(
    (model: string, backend: string, instance: string) => new InstanceSeries(this.#families, model, backend, instance),
  );
  readonly #requests = new Kept((...labels: string[]) => new Tally(this.#families.requests, ...labels));
  readonly #durations = new Kept((...labels: string[]) => this.#families.duration.labels(...labels));

  constructor(families: Families) {
    this.#families = families;
  }

  record(signal: Signal): void {
    switch (signal.type) {
      case 'queued':
        this.#model(signal.model, signal.backend).waiting.up();
        break;
      case 'dequeued':
        this.#model(signal.model, signal.backend).waiting.down();
        break;
      case 'admitted': {
        const model = this.#model(signal.model, signal.backend);
        model.waiting.down();
        model.queue.observe(signal.waitedMs / 1000);
        this.#instance(signal).running.up();
        break;
      }
      case 'released':
        this.#instance(signal).running.down();
        break;
      case 'output': {
        const model = this.#model(signal.model, signal.backend);
        (signal.first ? model.firstToken : model.interToken).observe(signal.sinceMs / 1000);
        break;
      }
      case 'settled':
        this.#settled(signal);
        break;
      case 'device':
        this.#device(signal.backend, signal.readings);
        break;
      case 'auth_failed':
        this.#families.authFailures.labels(signal.scheme, signal.reason).inc();
        break;
      case 'instance_state': {
        // The first sight of a model: its series show 0 from here on, not from its first request.
        this.#model(signal.model, signal.backend);
        const instance = this.#instance(signal);
        instance.enter(signal.to);
        if (signal.to === 'loading' && signal.restart === true) instance.restarts.inc();
        if (signal.cause !== undefined) {
          const { model, backend, instance: index, cause } = signal;
          this.#families.unloads.labels(model, backend, String(index), cause).inc();
        }
        if (signal.loadMs !== undefined) instance.load.observe(signal.loadMs / 1000);
        break;
      }
    }
  }

  #settled(settled: Settled): void {
    const { operation, outcome, stream, totalMs, usage, finishReason } = settled;
    const { model = unknown, backend = unknown, lane, ttftMs } = settled;
    this.#requests.of(model, backend, operation, outcome, finishReason ?? 'none').inc();
    this.#durations.of(model, backend, operation, String(stream)).observe(totalMs / 1000);
    if (usage === undefined || settled.model === undefined) return;
    const series = this.#model(model, backend);
    series.promptTokens.inc(usage.promptTokens);
    series.generationTokens.inc(usage.completionTokens);
    series.cachedTokens.inc(usage.cachedTokens ?? 0);
    // A relayed chunk is not a token, so there is no time between tokens but their mean.
    if (lane !== 'relay' || !stream || ttftMs === undefined || usage.completionTokens < 2) return;
    series.interToken.observe((totalMs - ttftMs) / 1000 / (usage.completionTokens - 1));
  }

  #device(backend: string, readings: DeviceReadings): void {
    const { device, memoryTotalBytes, memoryUsedBytes, utilization, chipCelsius, boardCelsius, watts } = readings;
    const { deviceMemory, deviceUtilization, deviceTemperature, devicePower } = this.#families;
    if (memoryTotalBytes !== undefined) deviceMemory.labels(backend, device, 'total').set(memoryTotalBytes);
    if (memoryUsedBytes !== undefined) deviceMemory.labels(backend, device, 'used').set(memoryUsedBytes);
    if (utilization !== undefined) deviceUtilization.labels(backend, device).set(utilization);
    if (chipCelsius !== undefined) deviceTemperature.labels(backend, device, 'chip').set(chipCelsius);
    if (boardCelsius !== undefined) deviceTemperature.labels(backend, device, 'board').set(boardCelsius);
    if (watts !== undefined) devicePower.labels(backend, device).set(watts);
  }

  #model(model: string, backend: string): ModelSeries {
    return this.#models.of(model, backend);
  }

  #instance({ model, backend, instance }: InstanceName): InstanceSeries {
    return this.#instances.of(model, backend, String(instance));
  }
}
