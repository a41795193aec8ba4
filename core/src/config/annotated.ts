import { Document, isMap, isSeq, type Node, type Pair } from 'yaml';

export interface Comment {
  /** What it stands above; the file's head for an empty path or one that leads nowhere. */
  readonly at: readonly PropertyKey[];
  readonly text: string;
}

const width = 110;

/** YAML of a config with comments in it, as an operator would have written it. */
export function annotated(config: unknown, comments: readonly Comment[]): string {
  const document = new Document(escaped(config), { aliasDuplicateObjects: false });
  for (const { at, text } of comments) {
    const node = place(document, at) ?? document;
    const lines = wrapped(text, width - 2 * at.length).map((line) => ` ${line}`);
    node.commentBefore = [...(node.commentBefore ? [node.commentBefore] : []), ...lines].join('\n');
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** What carries the comment above a path: the key, or the entry of a list. */
function place(document: Document, at: readonly PropertyKey[]): Node | undefined {
  const parent = at.length > 1 ? document.getIn(at.slice(0, -1)) : at.length === 1 ? document.contents : undefined;
  const last = at.at(-1);
  if (isSeq(parent)) return parent.items[Number(last)] as Node | undefined;
  if (!isMap(parent)) return undefined;
  return (parent.items as Pair<Node>[]).find(({ key }) => String(key) === last)?.key;
}

/** A dollar that begins no variable. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, escaped(each)]));
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
