import {
  type Call,
  type ChatRequest,
  Failure,
  type Message,
  type Part,
  type TranscribeRequest,
} from '@backplane/core/sdk';
import { served } from './openai-server-launch.ts';
import { refuseReserved } from './request.ts';

/** Parameters that it honours for text; a `seed` it ignores as long as it computes calls side by side. */
export const textParameters = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'max_tokens',
  'chat_template_kwargs',
] as const;

/** For text about images. */
export const imageParameters = ['temperature', 'top_p', 'max_tokens', 'chat_template_kwargs'] as const;

/** `images`: whether the model takes them. Whatever is not named here does not reach it. */
export async function encodeChat(request: ChatRequest, room: number, call: Call, images: boolean): Promise<Uint8Array> {
  const { messages, tools, chat_template_kwargs, max_tokens, logit_bias } = request;
  if (messages.length === 0) {
    throw new Failure('invalid_request', 'a chat needs at least one message', { param: 'messages' });
  }
  refuseReserved(chat_template_kwargs);
  // Its own defaults are none of OpenAI's.
  const { temperature = 1, top_p = 1, top_k = 0, min_p = 0 } = request;
  const { presence_penalty, frequency_penalty, repetition_penalty } = request;
  return Buffer.from(
    JSON.stringify({
      model: served,
      messages: await Promise.all(messages.map((message, index) => written(message, index, call, images))),
      // Without a choice it leaves the tools out.
      ...(tools && { tools, tool_choice: 'auto' }),
      stream: true,
      stream_options: { include_usage: true },
      temperature,
      top_p,
      top_k: Math.max(top_k, 0),
      min_p,
      presence_penalty,
      frequency_penalty,
      repetition_penalty,
      logit_bias,
      max_tokens: Math.min(max_tokens ?? room, room),
      chat_template_kwargs,
    }),
  );
}

async function written(message: Message, index: number, call: Call, images: boolean): Promise<object> {
  const { role, content, name, tool_call_id, tool_calls } = message;
  const parts =
    typeof content === 'string' || content === null ? content : await resolved(content, index, call, images);
  // It knows no other role.
  return { role: role === 'developer' ? 'system' : role, content: parts, name, tool_call_id, tool_calls };
}

/** Images as data: it would fetch a URL itself, from wherever it says. */
function resolved(parts: readonly Part[], index: number, call: Call, images: boolean): Promise<readonly Part[]> {
  return Promise.all(
    parts.map(async (part, at): Promise<Part> => {
      if (part.type === 'text') return { type: 'text', text: part.text };
      const param = `messages.${index}.content.${at}`;
      if (part.type !== 'image_url' || !images) {
        const takes = images ? 'text and images' : 'text';
        throw new Failure('media_rejected', `this model takes ${takes} only`, { param });
      }
      const { mime, bytes } = await call.media(part.image_url.url);
      if (!mime.startsWith('image/')) throw new Failure('media_rejected', `this is no image but ${mime}`, { param });
      const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
      return { type: 'image_url', image_url: { url: `data:${mime};base64,${data}` } };
    }),
  );
}

/** The form of a transcription, as bytes with their type. */
export async function encodeTranscription({
  audio,
  language,
  prompt,
  temperature,
}: Pick<TranscribeRequest, 'audio' | 'language' | 'prompt' | 'temperature'>): Promise<{
  readonly bytes: Uint8Array;
  readonly contentType: string;
}> {
  const form = new FormData();
  form.append('model', served);
  if (language !== undefined) form.append('language', language);
  if (prompt !== undefined) form.append('prompt', prompt);
  // Absent: Whisper's own ladder of temperatures.
  if (temperature !== undefined) form.append('temperature', String(temperature));
  // The name is the client's, and a file there gets its extension.
  const extension = /\.[a-z0-9]{1,8}$/i.exec(audio.name)?.[0] ?? '';
  form.append('file', new Blob([audio.bytes as Uint8Array<ArrayBuffer>], { type: audio.mime }), `speech${extension}`);
  const encoded = new Response(form);
  return { bytes: await encoded.bytes(), contentType: encoded.headers.get('content-type') as string };
}
