/**
 * The upstream kit: what a backend in front of OpenAI-compatible HTTP servers needs. `UpstreamInstance` is all of it in
 * one; the rest are its parts, for backends that supervise their server themselves.
 */
export {
  ChildMetrics,
  ChildServer,
  type Command,
  childEnvironment,
  freePort,
  GuardedProcess,
  residentBytes,
  type ServerProgram,
} from './child/index.ts';
export { converse, inquire, type Question } from './converse.ts';
export { estimatePromptTokens } from './estimate.ts';
export { Fleet } from './fleet.ts';
export { UpstreamInstance, type UpstreamModel } from './instance.ts';
export { type FleetMetrics, UpstreamMetrics } from './metrics.ts';
export { type UpstreamOptions, upstreamFields, upstreamOptions } from './options.ts';
export { reachUpstreams } from './reach.ts';
