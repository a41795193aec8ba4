/** How config.yaml writes amounts, for the core's schema and those of plugins: one form everywhere, one message. */
export { duration, positiveDuration } from './duration.ts';
export { positiveSize, size } from './size.ts';
