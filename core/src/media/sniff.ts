/** What stands at the beginning of a file; `at` bytes into it, Latin-1. */
interface Mark {
  readonly at: number;
  readonly text: string;
}

const begins = (text: string): readonly Mark[] => [{ at: 0, text }];

const marks: readonly (readonly [mime: string, marks: readonly Mark[]])[] = [
  ['image/jpeg', begins('\xff\xd8\xff')],
  ['image/png', begins('\x89PNG\r\n\x1a\n')],
  ['image/gif', begins('GIF87a')],
  ['image/gif', begins('GIF89a')],
  ['image/webp', [...begins('RIFF'), { at: 8, text: 'WEBP' }]],
  // The reserved bytes are zero in every file that a program wrote; two letters alone would be many texts.
  ['image/bmp', [...begins('BM'), { at: 6, text: '\0\0\0\0' }]],
  ['video/x-msvideo', [...begins('RIFF'), { at: 8, text: 'AVI ' }]],
  ['video/x-flv', begins('FLV\x01')],
  ['video/x-ms-wmv', begins('\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c')],
];

/** Brands of ISO base media files that are pictures or sound. */
const notVideo = /^(?:avif|avis|heic|heix|hevc|hevx|heim|heis|mif1|msf1|miaf|jpx|jp2|M4A|M4B|crx)/;
/** First boxes of QuickTime files from before `ftyp`. */
const oldBoxes = new Set(['moov', 'mdat', 'wide', 'free', 'skip']);

/**
 * The type of a file by its first bytes: `image/jpeg`, `png`, `bmp`, `gif`, `webp`; `video/mp4`, `quicktime`,
 * `x-msvideo`, `x-matroska`, `webm`, `x-flv`, `x-ms-wmv`. undefined: none of these.
 */
export function sniff(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString('latin1');
  const found = marks.find(([, all]) => all.every(({ at, text }) => head.startsWith(text, at)));
  if (found) return found[0];
  if (head.startsWith('\x1a\x45\xdf\xa3')) return matroska(head);
  const box = head.slice(4, 8);
  if (box === 'ftyp') {
    const brand = head.slice(8, 12);
    if (brand === 'qt  ') return 'video/quicktime';
    return notVideo.test(brand) ? undefined : 'video/mp4';
  }
  return oldBoxes.has(box) && head.length > 8 ? 'video/quicktime' : undefined;
}

/** The document type stands in the head of an EBML file, behind the element id 0x4282. */
function matroska(head: string): string | undefined {
  const at = head.indexOf('\x42\x82');
  if (at === -1) return undefined;
  const type = head.slice(at + 3, at + 3 + (head.charCodeAt(at + 2) & 0x7f));
  if (type.startsWith('webm')) return 'video/webm';
  return type.startsWith('matroska') ? 'video/x-matroska' : undefined;
}

export const isImage = (mime: string): boolean => mime.startsWith('image/');
export const isVideo = (mime: string): boolean => mime.startsWith('video/');
