import { z } from 'zod';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/;
/** What setTimeout can wait for; anything longer would fire at once. */
const longest = 2 ** 31 - 1;

const error = 'must be a duration: 500ms, 30s, 5m, 1h, or a number of milliseconds';

/** `500ms`, `30s`, `5m`, `1h`, or a number of milliseconds; gives whole milliseconds. */
export const duration = z
  .union([z.number({ error }).nonnegative(error), z.string({ error }).regex(pattern, error)], { error })
  .transform((written) => {
    const [, amount, unit = 'ms'] = pattern.exec(String(written)) ?? [];
    return Math.round(typeof written === 'number' ? written : Number(amount) * units[unit as keyof typeof units]);
  })
  .refine((milliseconds) => milliseconds <= longest, 'must be a duration of at most 24 days');

/** Like `duration`, where none at all makes no sense. */
export const positiveDuration = duration.refine((milliseconds) => milliseconds > 0, 'must be longer than 0');
