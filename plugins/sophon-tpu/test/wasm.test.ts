import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { visionWasm } from '../src/vision-wasm.ts';

const script = fileURLToPath(new URL('../wasm/build.sh', import.meta.url));
const version = new URL('../../../.cache/zig/version', import.meta.url);
const name = 'the compiled loops in src/vision-wasm.ts';

if (existsSync(version) && readFileSync(version, 'utf8').trim() === '0.17.1') {
  describe(name, () => {
    it('are what build.sh makes of wasm/vision.c', async () => {
      const { stdout } = await promisify(execFile)('bash', [script, '--print']);
      expect(stdout.trim()).toBe(visionWasm);
    });
  });
} else {
  describe.skip(`${name} (skipped: no zig 0.17.1; bash tools/sophon/aarch64.sh brings it)`, () => {
    it('are what build.sh makes of wasm/vision.c');
  });
}
