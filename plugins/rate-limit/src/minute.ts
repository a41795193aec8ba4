/**
 * A minute of rate-limiter-flexible. It only counts: one counter serves limits of every size, so what is too much is
 * decided here and not by its own `points`.
 */
export const minute = (keyPrefix: string) => ({ keyPrefix, points: Number.MAX_SAFE_INTEGER, duration: 60 });
