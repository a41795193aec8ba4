/** One thing that is wrong with config.yaml, and where. */
export interface Problem {
  readonly message: string;
  /** Like `models[0].options.device`; empty for the file as a whole. */
  readonly path: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The lines around it with a caret; empty when there is no text to show. */
  readonly frame: string;
}

/** Everything that is wrong, at once: its message can be shown to the operator as it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const ordered = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    super(ordered.map(renderProblem).join('\n\n'));
    this.problems = ordered;
  }
}

function renderProblem({ file, line, column, path, message, frame }: Problem): string {
  return `${file}:${line}:${column}  ${path && `${path}: `}${message}${frame && `\n${frame}`}`;
}

/** `['models', 0, 'options']` -> `models[0].options` */
export function renderPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    if (!/^[\w-]+$/.test(String(key))) return `${text}[${JSON.stringify(String(key))}]`;
    return text ? `${text}.${String(key)}` : String(key);
  }, '');
}

const width = 120;

/** The line, its neighbours, and a caret under the given stretch. Lines and columns count from 1. */
export function renderFrame(lines: readonly string[], line: number, column: number, length: number): string {
  const gutter = String(line + 1).length;
  const from = Math.max(0, column - width + 20);
  const shown: string[] = [];
  for (let n = line - 1; n <= line + 1; n++) {
    const text = lines[n - 1];
    if (text === undefined || (n === lines.length && text === '' && n !== line)) continue;
    const clean = text.slice(from, from + width).replace(/\p{Cc}/gu, ' ');
    shown.push(`${n === line ? '>' : ' '} ${String(n).padStart(gutter)} | ${clean}`.trimEnd());
    if (n !== line) continue;
    const carets = '^'.repeat(Math.max(1, Math.min(length, clean.length - (column - 1 - from))));
    shown.push(`  ${' '.repeat(gutter)} | ${' '.repeat(column - 1 - from)}${carets}`);
  }
  return shown.join('\n');
}
