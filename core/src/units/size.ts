import { z } from 'zod';

const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const pattern = /^(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)?$/;

const error = 'must be a size: 512KB, 32MB, 1GiB, or a number of bytes';

/** `32MB`, `1GiB`, or a number of bytes; gives whole bytes. KB, MB, GB are powers of 1000; KiB, MiB, GiB of 1024. */
export const size = z
  .union([z.number({ error }).nonnegative(error), z.string({ error }).regex(pattern, error)], { error })
  .transform((written) => {
    const [, amount, unit = 'B'] = pattern.exec(String(written)) ?? [];
    return Math.round(typeof written === 'number' ? written : Number(amount) * units[unit as keyof typeof units]);
  })
  .refine(Number.isSafeInteger, 'must be a size that a computer can have');

/** Like `size`, where nothing at all makes no sense. */
export const positiveSize = size.refine((bytes) => bytes > 0, 'must be larger than 0');
