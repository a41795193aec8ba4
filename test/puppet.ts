/**
 * A backend whose model does what the last message says, for the behaviours that a real engine shows only by accident.
 * It is a third party's single-file plugin: what works for it works for theirs.
 */
export const puppet = `
import { definePlugin, Failure } from '@backplane/core/sdk';
import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const forever = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }));

export default definePlugin({
  name: 'puppet',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('puppet', {
      options: z.strictObject({ slots: z.int().default(1), load: z.string().default('ok') }),
      create({ id, options, directory }, host) {
        return {
          async load() {
            if (options.load === 'fail') throw new Error('the weights are made of sand');
            if (options.load === 'gated') while (!existsSync(directory + '/go') && !existsSync(directory + '/go-' + id)) await sleep(10);
            return { contextLength: 1000, slots: options.slots, parameters: ['max_tokens', 'tools', 'tool_choice', 'beam'] };
          },
          async unload() {},
          async *chat({ messages, max_tokens = 1e9 }, { signal, log }) {
            const [verb, ...words] = messages.at(-1).content.split(' ');
            const number = Number(words[0]);
            if (verb === 'fail') throw new Failure(words[0], words.slice(1).join(' '), { retryAfterMs: 7000 });
            if (verb === 'throw') throw new Error('a bug');
            if (verb === 'crash' && !words[0]) process.kill(process.pid, 'SIGKILL');
            if (verb === 'crash-first' && host.index === 0) process.kill(process.pid, 'SIGKILL');
            yield { type: 'started', promptTokens: 10, cachedTokens: 4 };
            if (verb === 'mute') await forever(signal);
            if (verb === 'late') await sleep(number);
            if (verb === 'end') { yield { type: 'text', text: 'half an answer', tokens: 3 }; return; }
            if (verb === 'call') {
              for (const index of [0, 1]) yield { type: 'tool_call', index, id: 'call_' + index, name: 'f', arguments: '{}' };
              yield { type: 'finish', reason: 'tool_calls' };
              return;
            }
            if (verb === 'say') for (const word of words) yield { type: 'text', text: word + ' ', tokens: 1 };
            if (verb === 'who') yield { type: 'text', text: 'instance ' + host.index, tokens: 1 };
            if (verb === 'flood') {
              for (let i = 0; i < number; i++) {
                if (i % 100 === 0) writeFileSync(directory + '/made', String(i));
                yield { type: 'text', text: 'x'.repeat(1000), tokens: 1 };
              }
            }
            let made = 0;
            if (verb === 'count' || verb === 'crash') {
              for (let i = 1; i <= (verb === 'count' ? number : number + 1) && made < max_tokens; i++, made++) {
                if (verb === 'crash' && i > number && (words[1] !== 'first' || host.index === 0)) { await sleep(50); process.kill(process.pid, 'SIGKILL'); }
                if (signal.aborted) { log.info({ made }, 'puppet stopped'); return; }
                yield { type: 'text', text: i + ' ', tokens: 1 };
                await sleep(5);
              }
            }
            yield { type: 'finish', reason: made >= max_tokens ? 'length' : 'stop' };
            yield { type: 'usage', usage: { promptTokens: 10, completionTokens: made, cachedTokens: 4 } };
          },
        };
      },
    });
  },
});
`;

/** One puppet model \`m\`; \`more\` goes into its entry. */
export function puppetConfig(more = '', options = '{}', server = ''): string {
  return `
server: { port: 0${server && `, ${server}`} }
plugins: [./puppet.ts]
models:
  - id: m
    backend: puppet
    options: ${options}
${more.replace(/^/gm, '    ')}
`;
}
