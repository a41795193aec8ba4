import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { visionWasm } from '../src/vision-wasm.ts';

const script = fileURLToPath(new URL('../wasm/build.sh', import.meta.url));
const zig = fileURLToPath(new URL('../../../.cache/zig/bin/python', import.meta.url));
const name = 'the compiled loops in src/vision-wasm.ts';

if (existsSync(zig)) {
  describe(name, () => {
    it('are what build.sh makes of wasm/vision.c', async () => {
      const { stdout } = await promisify(execFile)('bash', [script, '--print']);
      expect(stdout.trim()).toBe(visionWasm);
    });
  });
} else {
  describe.skip(`${name} (skipped: no .cache/zig; plugins/sophon-tpu/wasm/build.sh says how to make it)`, () => {
    it('are what build.sh makes of wasm/vision.c');
  });
}
