import { visionWasm } from './vision-wasm.ts';

/** The part that is used of an interface that TypeScript knows only among those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Of a memory: below lies the compiler's stack. Also the size of a page. */
export const firstFree = 65_536;

let module: object | undefined;

/** An instance of wasm/vision.c with a memory of its own; undefined where the processor lacks 128-bit vectors. */
export function vectors<Exports extends object>(): Exports | undefined {
  try {
    module ??= new WebAssembly.Module(Buffer.from(visionWasm, 'base64'));
  } catch {
    return undefined;
  }
  return new WebAssembly.Instance(module).exports as Exports;
}
