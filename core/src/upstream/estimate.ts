import type { ChatRequest, CompletionRequest, Message } from '../sdk/index.ts';

/** Bytes of UTF-8 that a token stands for, by rule of thumb: four letters of English, a character and a half of Chinese. */
const bytesPerToken = 4;

/** About how many tokens a prompt has, for calls whose upstream never says. Images, audio and video count nothing. */
export function estimatePromptTokens(request: ChatRequest | CompletionRequest): number {
  if (!('prompt' in request)) {
    const tools = request.tools ? JSON.stringify(request.tools) : '';
    return tokensOf(request.messages.map(textOf).join('') + tools);
  }
  return typeof request.prompt === 'string' ? tokensOf(request.prompt) : request.prompt.length;
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

function textOf({ content }: Message): string {
  if (typeof content === 'string' || content === null) return content ?? '';
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}
