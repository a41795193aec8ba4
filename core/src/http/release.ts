/** Gives back the memory of a buffer that nobody reads any more, if it has it for itself. The buffer is empty after that. */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
