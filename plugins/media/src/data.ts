import { Rejection, tooLarge } from './rejection.ts';

/** Longest type in front of the comma. */
const mostType = 1_024;

/** Decodes a `data:` URL (RFC 2397), base64 or percent-encoded. What it says of its type is not believed. Throws a Rejection. */
export function readDataUrl(url: string, most: number): Buffer {
  const comma = url.slice(0, mostType).indexOf(',');
  if (comma === -1) throw malformed('it has no comma behind its type');
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return percentDecoded(url.slice(comma + 1), most);
  // Some clients break lines.
  let text = url.slice(comma + 1);
  if (/\s/.test(text)) text = text.replace(/\s+/g, '');
  if (text.includes('%')) text = text.replaceAll('%2B', '+').replaceAll('%2F', '/').replaceAll('%3D', '=');
  const letters = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  const length = Math.floor((letters * 3) / 4);
  if (length > most) throw tooLarge(most);
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what is no base64.
  if (bytes.length !== length || letters % 4 === 1) throw malformed('it is not base64');
  return bytes;
}

function percentDecoded(text: string, most: number): Buffer {
  // Three letters make at least one byte.
  if (text.length > most * 3) throw tooLarge(most);
  const bytes = Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  if (bytes.length > most) throw tooLarge(most);
  return bytes;
}

function malformed(what: string): Rejection {
  return new Rejection('malformed', `The data: URL could not be read: ${what}.`);
}
