/**
 * A chat as Chatbox sends it (chatboxai/chatbox src/shared/models/openai-compatible.ts, through @ai-sdk/openai-compatible
 * v2): a system prompt, content as a text, stream with usage. Returns the answer's text; throws when it is not whole.
 */
export async function chatboxChat(url: string, key: string, model: string): Promise<string> {
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'user-agent': 'ai-sdk/openai-compatible/2.0.0 ai-sdk/provider-utils/4.0.0 runtime/browser',
    },
    body: JSON.stringify({
      model,
      max_tokens: 512,
      temperature: 0.7,
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'What is Backplane?' },
      ],
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${await reply.text()}`);
  const events = (await reply.text())
    .trim()
    .split(/\n\n/)
    .map((event) => event.replace(/^data: /, ''));
  if (events.pop() !== '[DONE]') throw new Error('the stream did not end with [DONE]');
  const chunks = events.map((event) => JSON.parse(event) as Chunk);
  if (!chunks.some(({ usage }) => usage)) throw new Error('no usage came');
  return chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('');
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: object | null;
}
