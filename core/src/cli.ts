#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Before anything is loaded: it saves a third of the start. Beside the code and not in the shared temporary folder, where others could write it.
enableCompileCache(fileURLToPath(new URL('../.cache/', import.meta.url)));
const { main } = await import('./command-line.ts');
await main();
