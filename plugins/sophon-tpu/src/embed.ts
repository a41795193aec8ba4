import { copy, type DeviceMemory, upload, zero } from './device-memory.ts';
import type { Operation } from './native.ts';
import type { Layout } from './networks.ts';

/** Puts the embeddings of these tokens (at most `maxPrompt`) into the first rows, and clears what pictures add to them. */
export function embed(layout: Layout, memory: DeviceMemory, ids: Int32Array): Operation[] {
  const { embedding, chunk } = layout;
  const operations = [memory.embeddings, ...memory.levels].map((cleared) => zero(cleared));
  for (let at = 0; at < ids.length; at += chunk) {
    const part = ids.subarray(at, at + chunk);
    const padded = new Int32Array(chunk);
    padded.set(part);
    operations.push(
      upload(embedding.input(0).memory, padded),
      embedding.launch(),
      copy(
        embedding.output(0),
        { memory: memory.embeddings, offset: at * memory.rowBytes },
        part.length * memory.rowBytes,
      ),
    );
  }
  return operations;
}
