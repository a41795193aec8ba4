import type { InstanceState, Log, Observer, Settled, Signal } from '../sdk/index.ts';

/** Asked every few seconds by machines: at info they would drown the calls. */
const probes: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/** A failure's sentence may quote the client (a model name, a parameter); more than this of it is not worth a line. */
const reasonLength = 500;

/** One line per call when it has settled, and one per change of an instance's state. */
export function accessLog(log: Log): Observer {
  return (signal) => {
    if (signal.type === 'settled') logCall(log, signal);
    else if (signal.type === 'instance_state') logState(log, signal);
  };
}

function logCall(log: Log, settled: Settled): void {
  const { usage } = settled;
  const fields = {
    request: settled.call,
    method: settled.method,
    route: settled.route,
    status: settled.status,
    outcome: settled.outcome,
    model: settled.model,
    backend: settled.backend,
    instance: settled.instance,
    principal: settled.principal,
    stream: settled.stream,
    lane: settled.lane,
    queue_ms: tenths(settled.queueMs),
    ttft_ms: tenths(settled.ttftMs),
    total_ms: tenths(settled.totalMs),
    prompt_tokens: usage?.promptTokens,
    completion_tokens: usage?.completionTokens,
    cached_tokens: usage?.cachedTokens,
    tokens_estimated: usage?.estimated,
    tokens_per_second: tokensPerSecond(settled),
    finish_reason: settled.finishReason,
    code: settled.code,
    reason: settled.outcome === 'ok' ? undefined : settled.reason?.slice(0, reasonLength),
  };
  log[callLevel(settled)](fields, `${settled.method} ${settled.route} ${settled.status}`);
}

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
  loading: 'info',
  ready: 'info',
  degraded: 'warn',
  unloading: 'info',
  failed: 'error',
};

function logState(log: Log, signal: Extract<Signal, { type: 'instance_state' }>): void {
  const { model, backend, instance, from, to, reason, loadMs, restart } = signal;
  const fields = { model, backend, instance, from, state: to, reason, load_ms: tenths(loadMs), restart };
  log[stateLevels[to]](fields, `${model} instance ${instance} is ${to}`);
}

function tenths(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 10) / 10;
}
