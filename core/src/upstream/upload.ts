import { type Call, type ChatEvent, type ChatRequest, type Message, type Part, uploadUrl } from '../sdk/index.ts';

/** Whether a chat is about a file that was uploaded with it. */
export function showsUpload({ messages }: ChatRequest): boolean {
  return messages.some(({ content }) => Array.isArray(content) && (content as readonly Part[]).some(isUpload));
}

/** An upstream has no part in the upload: it is sent the file as a `data:` URL. */
export async function* withUpload(
  request: ChatRequest,
  call: Call,
  ask: (request: ChatRequest, call: Call) => AsyncIterable<ChatEvent>,
): AsyncGenerator<ChatEvent, void, undefined> {
  const { mime, bytes } = await call.media(uploadUrl);
  const url = `data:${mime};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}`;
  const messages = request.messages.map((message): Message => {
    const { content } = message;
    if (!Array.isArray(content)) return message;
    return { ...message, content: (content as readonly Part[]).map((part) => shown(part, url)) };
  });
  yield* ask({ ...request, messages }, call);
}

function isUpload(part: Part): boolean {
  return (
    (part.type === 'image_url' && part.image_url.url === uploadUrl) ||
    (part.type === 'video_url' && part.video_url.url === uploadUrl)
  );
}

function shown(part: Part, url: string): Part {
  if (!isUpload(part)) return part;
  return part.type === 'image_url'
    ? { ...part, image_url: { ...part.image_url, url } }
    : { type: 'video_url', video_url: { url } };
}
