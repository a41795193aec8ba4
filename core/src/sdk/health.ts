import type { InstanceState } from './observe.ts';

/** How the server is, for a plugin that says it in the words of another server's clients. */
export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'loading' | 'failed' | 'draining';
  readonly version: string;
  readonly uptimeSeconds: number;
  /** Whether routes that are not open ask for a key. */
  readonly guarded: boolean;
  /** The models that the caller may see and whose backend the plugin contributes. */
  readonly models: readonly ReportedModel[];
}

export interface ReportedModel {
  readonly id: string;
  readonly backend: string;
  /** As the backend's schema made them. */
  readonly options: unknown;
  readonly state: InstanceState;
  readonly instances: number;
  /** Calls that its instances run at once; 0 until one is loaded. */
  readonly slots: number;
  /** Calls that may wait beyond those. */
  readonly queueSize: number;
}

/**
 * Makes the body of `GET /health`, where config.yaml names it in `server.health`. A caller without a key is shown the
 * body's `status` alone.
 */
export type HealthFormat = (report: HealthReport) => { readonly status: string } & Readonly<Record<string, unknown>>;
