import type { Body } from './body.ts';

/** Bytes that a token stands for, by rule of thumb: four letters of English, a character and a half of Chinese. */
const bytesPerToken = 4;

/** Where a prompt stands, whatever is asked: chat, completion or response. */
const promptMembers = ['messages', 'prompt', 'input', 'instructions', 'tools'];

const dataUrl = Buffer.from('"data:');
const quote = 0x22;

/**
 * About how many tokens the prompt in a body has, which is not parsed for it: names and braces stand for what a chat template
 * puts around a message. Pictures, sounds and videos that come within it count nothing.
 */
export function promptTokensOf({ bytes, members }: Body): number {
  let size = 0;
  for (const member of promptMembers) {
    const span = members.get(member);
    if (span) size += withoutMedia(bytes.subarray(span.start, span.end));
  }
  return Math.ceil(size / bytesPerToken);
}

function withoutMedia(prompt: Buffer): number {
  let size = prompt.length;
  for (let at = prompt.indexOf(dataUrl); at !== -1; ) {
    const end = prompt.indexOf(quote, at + dataUrl.length);
    if (end === -1) break;
    size -= end - at;
    at = prompt.indexOf(dataUrl, end);
  }
  return size;
}
