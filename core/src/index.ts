export { type Backplane, type StartOptions, start } from './backplane.ts';
export { ConfigError } from './config/problem.ts';
