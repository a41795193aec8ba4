import { z } from 'zod';

const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const pattern = /^(\d+(?:\.\d+)?)(B|KB|MB|GB|KiB|MiB|GiB)?$/;

/** `32MB`, `1GiB`, or a number of bytes; gives whole bytes. KB, MB, GB are powers of 1000; KiB, MiB, GiB of 1024. */
export const size = z
  .union([z.number().nonnegative(), z.string().regex(pattern)], {
    error: 'must be a size: 512KB, 32MB, 1GiB, or a number of bytes',
  })
  .transform((written) => {
    const [, amount, unit] = pattern.exec(String(written)) ?? [];
    return Math.round(
      typeof written === 'number' ? written : Number(amount) * units[(unit ?? 'B') as keyof typeof units],
    );
  })
  .refine((bytes) => Number.isSafeInteger(bytes), 'must be a size that a computer can have');
