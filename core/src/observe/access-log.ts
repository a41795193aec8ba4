import type { InstanceState, Log, Observer, Settled, Signal } from '../sdk/index.ts';
import type { CallLog } from './log.ts';

/** Asked every few seconds by machines: at info they would drown the calls. */
const probes: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/** A failure's sentence may quote the client (a model name, a parameter); more than this of it is not worth a line. */
const reasonLength = 500;

/** One line per call when it has settled, in `calls`, and one per change of an instance's state, in `log`. */
export function accessLog(log: Log, calls: CallLog): Observer {
  return (signal) => {
    if (signal.type === 'settled') logCall(calls, signal);
    else if (signal.type === 'instance_state') logState(log, signal);
  };
}

function logCall(calls: CallLog, settled: Settled): void {
  calls.record(callLevel(settled), () => membersOf(settled));
}

/** Written out by hand: through the log's fields a line cost as much as a tenth of a relayed call. */
function membersOf(settled: Settled): string {
  const { method, status, outcome, usage } = settled;
  const route = named(settled.route);
  return (
    `"request":${JSON.stringify(settled.call)},"method":"${method}","route":${route},"status":${status}` +
    `,"outcome":"${outcome}"` +
    name('model', settled.model) +
    name('backend', settled.backend) +
    number('instance', settled.instance) +
    name('principal', settled.principal) +
    `,"stream":${settled.stream}` +
    name('lane', settled.lane) +
    number('queue_ms', tenths(settled.queueMs)) +
    number('ttft_ms', tenths(settled.ttftMs)) +
    number('total_ms', tenths(settled.totalMs)) +
    number('prompt_tokens', usage?.promptTokens) +
    number('completion_tokens', usage?.completionTokens) +
    number('cached_tokens', usage?.cachedTokens) +
    (usage?.estimated === undefined ? '' : `,"tokens_estimated":${usage.estimated}`) +
    number('tokens_per_second', tokensPerSecond(settled)) +
    name('finish_reason', settled.finishReason) +
    name('code', settled.code) +
    text('reason', outcome === 'ok' ? undefined : settled.reason?.slice(0, reasonLength)) +
    // A method is letters and hyphens: Node takes no other.
    `,"msg":"${method} ${route.slice(1, -1)} ${status}"`
  );
}

function text(member: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${member}":${JSON.stringify(value)}`;
}

/** As `text`, for one of few. */
function name(member: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${member}":${named(value)}`;
}

function number(member: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${member}":${value}`;
}

/** As JSON. Names come from config.yaml and from code, and are few. */
function named(value: string): string {
  let json = names.get(value);
  if (json === undefined) {
    json = JSON.stringify(value);
    if (names.size < 1_000) names.set(value, json);
  }
  return json;
}

const names = new Map<string, string>();

function callLevel({ route, status }: Settled): 'debug' | 'info' | 'warn' {
  // 503 is how a probe says "still loading"; any other error of a probe is news.
  if (probes.has(route) && (status < 400 || status === 503)) return 'debug';
  return status >= 500 ? 'warn' : 'info';
}

/** Speed of generation alone: the first token is paid for by queue and prefill. */
function tokensPerSecond({ usage, ttftMs, totalMs }: Settled): number | undefined {
  if (usage === undefined || ttftMs === undefined || usage.completionTokens < 2 || totalMs <= ttftMs) return undefined;
  return tenths(((usage.completionTokens - 1) * 1000) / (totalMs - ttftMs));
}

const stateLevels: Readonly<Record<InstanceState, 'info' | 'warn' | 'error'>> = {
  stopped: 'info',
  unloaded: 'info',
  loading: 'info',
  ready: 'info',
  degraded: 'warn',
  unloading: 'info',
  failed: 'error',
};

function logState(log: Log, signal: Extract<Signal, { type: 'instance_state' }>): void {
  const { model, backend, instance, from, to, reason, cause, loadMs, restart } = signal;
  const fields = { model, backend, instance, from, state: to, reason, cause, load_ms: tenths(loadMs), restart };
  log[stateLevels[to]](fields, `${model} instance ${instance} is ${to}`);
}

function tenths(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 10) / 10;
}
