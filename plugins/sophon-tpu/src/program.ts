import type { Operation, Tensor } from './native.ts';

/** Words of the addon's little language; native/src/step.cc reads them. */
const codes = { upload: 1, download: 2, copy: 3, fill: 4, launch: 5 } as const;

/**
 * A step as the addon reads it: numbers in one array, host buffers in another. So a step of 40 launches with 300 tensors
 * crosses into C++ with two arguments instead of some thousand property reads. Reused from step to step.
 */
export class Program {
  #words = new Float64Array(1024);
  #length = 0;
  buffers: Uint8Array[] = [];

  get words(): Float64Array {
    return this.#words.subarray(0, this.#length);
  }

  encode(operations: readonly Operation[]): void {
    this.#length = 0;
    this.buffers = [];
    for (const operation of operations) this.#encode(operation);
  }

  #encode(operation: Operation): void {
    switch (operation.do) {
      case 'upload':
        this.#put(codes.upload, operation.to.id, operation.offset, this.#buffer(operation.bytes));
        break;
      case 'download':
        this.#put(codes.download, operation.from.id, operation.offset, this.#buffer(operation.into));
        break;
      case 'copy':
        this.#put(codes.copy, operation.from.id, operation.fromOffset, operation.to.id, operation.toOffset);
        this.#put(operation.bytes);
        break;
      case 'fill':
        this.#put(codes.fill, operation.memory.id, operation.offset, operation.bytes, operation.value);
        break;
      case 'launch':
        this.#put(codes.launch, operation.network, operation.inputs.length, operation.outputs.length);
        for (const tensor of operation.inputs) this.#tensor(tensor);
        for (const tensor of operation.outputs) this.#tensor(tensor);
        break;
    }
  }

  /** As bytes, of whatever kind the view is. */
  #buffer({ buffer, byteOffset, byteLength }: ArrayBufferView): number {
    return this.buffers.push(new Uint8Array(buffer, byteOffset, byteLength)) - 1;
  }

  #tensor(tensor: Tensor): void {
    this.#put(tensor.memory.id, tensor.offset ?? 0, tensor.shape.length);
    for (const size of tensor.shape) this.#put(size);
  }

  #put(...words: readonly number[]): void {
    if (this.#length + words.length > this.#words.length) {
      const larger = new Float64Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (const word of words) this.#words[this.#length++] = word;
  }
}
