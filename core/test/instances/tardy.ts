import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin } from '@backplane/core/sdk';
import { z } from 'zod';

/** Takes its time to be made, and writes down what it is asked. */
export default definePlugin({
  name: 'tardy',
  apiVersion: 1,
  config: z.strictObject({}),
  setup(context) {
    context.backend('tardy', {
      options: z.strictObject({}),
      create: async ({ directory }) => {
        const note = (what: string) => appendFileSync(join(directory, 'notes'), `${what}\n`);
        await pause(100);
        note('made');
        return {
          load: async () => {
            note('load');
            return {};
          },
          unload: async () => note('unload'),
          async *chat(request) {
            note(`chat ${request.messages[0]?.content}`);
            yield { type: 'finish', reason: 'stop' };
          },
        };
      },
    });
  },
});
