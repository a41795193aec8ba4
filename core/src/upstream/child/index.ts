/** Servers that run as children of this one. macOS and Linux. */
export { childEnvironment } from './environment.ts';
export { type Command, GuardedProcess } from './guarded.ts';
export { ChildMetrics, residentBytes } from './memory.ts';
export { freePort } from './port.ts';
export { ChildServer, type ServerProgram } from './server.ts';
