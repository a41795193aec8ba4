import { type ChatEvent, Failure } from '@backplane/core/sdk';
import type { Engine } from './engine.ts';
import type { LmOptions } from './options.ts';
import { serverProgram, title } from './program.ts';
import { encodeChat, encodeCompletion, parameters } from './request.ts';
import { withTags } from './thinking.ts';

/** `mlx_lm.server`, mlx-lm's own. */
export const mlxLm: Engine<LmOptions> = {
  title,
  distribution: 'mlx-lm',
  stopMs: 5_000,
  firstByteMs: 5 * 60_000,
  launch: async (launch) => ({ program: await serverProgram(launch), model: 'default_model' }),
  facts: (folder) => ({
    // The tags are put back, so the core finds reasoning in the text; and tool calls that the engine leaves there,
    // since it reads them only for chat templates that it recognises.
    dialect: 'qwen3',
    parameters: [...parameters, ...((folder?.tools ?? true) ? ['tools'] : [])],
  }),
  chat: {
    path: '/v1/chat/completions',
    body: ({ request, room }) => encodeChat(request, room),
    read: (events) => withCalls(withTags(events)),
  },
  complete: {
    path: '/v1/completions',
    body: ({ request, room }) => encodeCompletion(request, room),
    read: withTags,
  },
};

/** It drops a tool call whose text it cannot read, and reports success. */
async function* withCalls(events: AsyncIterable<ChatEvent>): AsyncGenerator<ChatEvent, void, undefined> {
  let calls = 0;
  for await (const event of events) {
    if (event.type === 'tool_call') calls++;
    if (event.type === 'finish' && event.reason === 'tool_calls' && calls === 0) {
      throw new Failure('backend_failed', `the model wrote a tool call that ${title} could not read`);
    }
    yield event;
  }
}
