/** A fenced code block of a Markdown document, without the indentation of the list that it stands in. */
export interface Program {
  readonly language: string;
  readonly code: string;
  /** Line of its fence, from 1. */
  readonly line: number;
}

/** Every fenced block of a document, in order. */
export function programsOf(markdown: string): readonly Program[] {
  const programs: Program[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, indent, language] = /^( *)```(\w+)$/.exec(lines[at] as string) ?? [];
    if (indent === undefined || language === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, at);
    if (end < 0) throw new Error(`the block of line ${at + 1} has no end`);
    const code = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    programs.push({ language, code: `${code.join('\n')}\n`, line: at + 1 });
    at = end;
  }
  return programs;
}
