export type Shape = readonly number[];
/** Floats, or halves as their bits. */
export type Tensor = readonly [Shape, Float32Array | Uint16Array];

/** The safetensors format: the header's length, the header in JSON, the tensors. Little endian. */
export function safetensors(tensors: Readonly<Record<string, Tensor>>): Buffer {
  let offset = 0;
  const entries = Object.entries(tensors).map(([name, [shape, data]]) => {
    const begin = offset;
    offset += data.byteLength;
    const dtype = data instanceof Uint16Array ? 'F16' : 'F32';
    return [name, { dtype, shape, data_offsets: [begin, offset] }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: 'mlx' }, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const bodies = Object.values(tensors).map(([, { buffer, byteOffset, byteLength }]) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([length, header, ...bodies]);
}
