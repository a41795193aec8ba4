/**
 * The upstream kit: what a backend in front of OpenAI-compatible HTTP servers needs. `UpstreamInstance` is all of it in
 * one; the rest are its parts, for backends that supervise their server themselves.
 */
export { Fleet } from './fleet.ts';
export { UpstreamInstance, type UpstreamModel } from './instance.ts';
export { type FleetMetrics, UpstreamMetrics } from './metrics.ts';
export { type UpstreamOptions, upstreamFields, upstreamOptions } from './options.ts';
