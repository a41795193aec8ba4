import { openDevice } from './native.ts';

/**
 * Opens a device and says what it is. examine.ts runs it in a process of its own: the vendor's library writes to standard
 * output, and what goes wrong in it may take the process along.
 */
process.once('message', ({ device, libraries }: { readonly device: number; readonly libraries?: string }) => {
  process.send?.(look(device, libraries), () => process.disconnect());
});

function look(id: number, libraries: string | undefined): Seen {
  try {
    const device = openDevice(id, { libraries });
    const seen = { chip: device.chip(), stat: device.stat() };
    device.close();
    return seen;
  } catch (thrown) {
    return { trouble: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

export type Seen =
  | { readonly chip: number; readonly stat: { readonly memoryTotalMB?: number } | undefined }
  | { readonly trouble: string };
