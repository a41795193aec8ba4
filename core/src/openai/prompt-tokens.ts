import type { Body } from './body.ts';

/** Bytes that a token stands for, by rule of thumb: four letters of English, a character and a half of Chinese. */
const bytesPerToken = 4;

/** Where a prompt stands, whatever is asked: chat, completion or response. */
const promptMembers = ['messages', 'prompt', 'input', 'instructions', 'tools'];

/** Whose value, if it is a string, is a picture, a sound, a video or a file, or where it lies. */
const mediaMembers = ['"url"', '"image_url"', '"data"', '"file_data"'].map((name) => Buffer.from(name));

const quote = 0x22;
const colon = 0x3a;
const space = 0x20;

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

/** By the members' names and not by what they hold: a text may begin like a picture. Quotes within a text are escaped. */
function withoutMedia(prompt: Buffer): number {
  let size = prompt.length;
  for (const member of mediaMembers) {
    for (let at = prompt.indexOf(member); at !== -1; at = prompt.indexOf(member, at)) {
      at += member.length;
      while (prompt[at] === space || prompt[at] === colon) at++;
      if (prompt[at] !== quote) continue;
      const end = prompt.indexOf(quote, at + 1);
      if (end === -1) break;
      size -= end - at;
      at = end;
    }
  }
  return size;
}
