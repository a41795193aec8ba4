import { open } from 'node:fs/promises';
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { expand } from './expansion.ts';
import { ConfigError, type Problem, renderFrame, renderPath } from './problem.ts';

/** Far above any real file; a parser can be made to spend minutes on a larger one. */
const sizeLimit = 2 ** 20;
const secretKey = /(?:^|_)(?:key|token|secret|password)s?$/i;

export type Path = readonly PropertyKey[];

/** The text of config.yaml, its values with the environment filled in, and where each of them stands. */
export class Source {
  readonly file: string;
  /** Things wrong with the text itself; the values are still usable. */
  readonly problems: Problem[] = [];
  readonly #text: string;
  readonly #document: Document;
  readonly #counter = new LineCounter();
  readonly #lines: readonly string[];
  readonly #variables = new Map<unknown, { readonly whole: boolean; readonly broken: boolean }>();
  /** Text that must not be shown -> what to show instead. */
  readonly #secrets = new Map<string, string>();
  readonly #root: { value: unknown };

  /** `env` undefined: dollars are dollars. Throws a ConfigError when the file cannot be read or is no YAML. */
  static async read(file: string, env: NodeJS.ProcessEnv | undefined): Promise<Source> {
    return new Source(file, await readText(file), env);
  }

  constructor(file: string, text: string, env: NodeJS.ProcessEnv | undefined) {
    this.file = file;
    this.#text = text;
    // Duplicate keys are looked for below: the parser's own search takes quadratic time.
    const options = { lineCounter: this.#counter, prettyErrors: false, uniqueKeys: false } as const;
    this.#document = parseDocument(text, options);
    this.#lines = this.#veil(text).split(/\r?\n/);
    const { errors, warnings } = this.#document;
    if (errors.length + warnings.length > 0) {
      throw new ConfigError([...errors, ...warnings].map(({ message, pos }) => this.#syntax(message, pos)));
    }
    this.#inspect();
    if (env) this.#expand(env);
    try {
      this.#root = { value: this.#document.toJS({ maxAliasCount: 100 }) ?? {} };
    } catch (error) {
      const reason = this.#place(0, 1, [], error instanceof Error ? error.message : String(error));
      throw new ConfigError(this.problems.length > 0 ? this.problems : [reason]);
    }
    // A section whose every line is commented out reads as null.
    if (isMap(this.#document.contents)) {
      const sections = this.#root.value as Record<string, unknown>;
      for (const name of Object.keys(sections)) if (sections[name] === null) delete sections[name];
    }
  }

  /** The value at a path; undefined when there is none. */
  at(path: Path): unknown {
    let value = this.#root.value;
    for (const key of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<PropertyKey, unknown>)[key];
    }
    return value;
  }

  /** Replaces the value at a path that exists. */
  set(path: Path, value: unknown): void {
    const key = path.at(-1);
    const parent = this.at(path.slice(0, -1));
    if (key === undefined) this.#root.value = value;
    else if (typeof parent === 'object' && parent !== null) (parent as Record<PropertyKey, unknown>)[key] = value;
  }

  /** Whether the value at this very path holds something of the environment. `broken`: a variable of it is missing. */
  variable(path: Path): { readonly whole: boolean; readonly broken: boolean } | undefined {
    const { node, depth } = this.#find(path);
    return depth === path.length ? this.#variables.get(node) : undefined;
  }

  /** The value as a message may show it: as the file writes it where it came from the environment. */
  quote(path: Path): string {
    const { node } = this.#find(path);
    if (!this.#variables.has(node)) return JSON.stringify(this.at(path) ?? (isScalar(node) ? node.value : null));
    return this.#text.slice(...(node?.range ?? [0, 0])).trim();
  }

  /** A problem at a path: at its value, at its key, or, where the path leads nowhere, at the last of it that exists. */
  problem(path: Path, message: string, at: 'value' | 'key' = 'value'): Problem {
    const { node, key } = this.#find(path);
    const range = (at === 'key' ? key : undefined)?.range ?? node?.range ?? [0, 1];
    return this.#place(range[0], range[1], path, message);
  }

  /** The text without what came from the environment, for messages that the core did not write itself. */
  mask(text: string): string {
    let masked = text;
    // The longest first: one value may be a part of another.
    for (const [value, shown] of [...this.#secrets].sort(([a], [b]) => b.length - a.length)) {
      for (const form of new Set([value, JSON.stringify(value).slice(1, -1)])) {
        // A short value is replaced as a word only: `1` would garble every number.
        const literal = form.replace(/[^\w\s]/gu, '\\$&');
        const pattern = form.length < 4 ? `(?<!\\w)${literal}(?!\\w)` : literal;
        masked = masked.replace(new RegExp(pattern, 'g'), () => shown);
      }
    }
    return masked;
  }

  #find(path: Path): { node: Node | null | undefined; key: Node | undefined; depth: number } {
    let node: Node | null | undefined = this.#resolve(this.#document.contents);
    let key: Node | undefined;
    let depth = 0;
    for (const step of path) {
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === String(step));
        if (!pair) break;
        key = pair.key as Node;
        next = pair.value ?? pair.key;
      } else if (isSeq(node) && typeof step === 'number') {
        next = node.items[step];
        key = undefined;
      }
      if (next === undefined) break;
      node = this.#resolve(next as Node);
      depth++;
    }
    return { node, key, depth };
  }

  #resolve(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #place(start: number, end: number, path: Path, message: string): Problem {
    const { line, col } = this.#counter.linePos(start);
    const at = { line: Math.max(1, line), column: Math.max(1, col) };
    const frame = renderFrame(this.#lines, at.line, at.column, end - start);
    return { message, path: renderPath(path), file: this.file, ...at, frame };
  }

  #syntax(message: string, [start, end]: readonly [number, number]): Problem {
    const line = this.#lines[this.#counter.linePos(start).line - 1] ?? '';
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows what to write
    const hint = /[[{,].*(?<!["'])\$\{/.test(line) ? '; inside { } and [ ] a variable needs quotes: "${NAME}"' : '';
    return this.#place(start, end, [], `not valid YAML: ${message}${hint}`);
  }

  /** Frames show the file as it is, save literal keys: those are starred, at the same length. */
  #veil(text: string): string {
    let shown = text;
    visit(this.#document, {
      Scalar: (key, node, ancestors) => {
        const pair = ancestors.findLast(isPair);
        if (key === 'key' || typeof node.value !== 'string' || !node.range || !isScalar(pair?.key)) return;
        if (!secretKey.test(String(pair.key.value)) || node.value.includes('${') || node.value === '') return;
        const [start, end] = node.range;
        shown = shown.slice(0, start) + shown.slice(start, end).replace(/[^\s"']/g, '*') + shown.slice(end);
        this.#secrets.set(node.value, '***');
      },
    });
    return shown;
  }

  /** What the parser lets pass or says without a place. */
  #inspect(): void {
    visit(this.#document, {
      Alias: (_, node, ancestors) => {
        if (node.resolve(this.#document) || !node.range) return;
        const message = `there is no &${node.source} before this alias`;
        this.problems.push(this.#place(node.range[0], node.range[1], pathOf([...ancestors, node]), message));
      },
      Map: (_, map, ancestors) => {
        const lines = new Map<unknown, number>();
        for (const { key } of map.items) {
          if (!isScalar(key) || !key.range) continue;
          const [start, end] = key.range;
          const first = lines.get(key.value);
          if (first === undefined) lines.set(key.value, this.#counter.linePos(start).line);
          else {
            const path = [...pathOf([...ancestors, map]), String(key.value)];
            this.problems.push(this.#place(start, end, path, `this key is in line ${first} already`));
          }
        }
      },
    });
  }

  #expand(env: NodeJS.ProcessEnv): void {
    visit(this.#document, {
      Scalar: (key, node, ancestors) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('$')) return;
        const { text, values, whole, problems } = expand(node.value, env);
        const broken = problems.length > 0;
        if (broken || values.size > 0) this.#variables.set(node, { whole, broken });
        for (const [name, value] of values) if (value !== '') this.#secrets.set(value, `\${${name}}`);
        const [start, end] = node.range ?? [0, 1];
        const path = broken ? pathOf([...ancestors, node]) : [];
        for (const problem of problems) this.problems.push(this.#place(start, end, path, problem));
        if (!broken) node.value = text;
      },
    });
  }
}

/** The path to the last of these nodes, each of which contains the next. */
function pathOf(nodes: readonly unknown[]): Path {
  return nodes.flatMap((node, i): PropertyKey[] => {
    if (isPair(node)) return [String(isScalar(node.key) ? node.key.value : node.key)];
    return isSeq(node) && i + 1 < nodes.length ? [node.items.indexOf(nodes[i + 1])] : [];
  });
}

async function readText(file: string): Promise<string> {
  const fail = (message: string): never => {
    throw new ConfigError([{ message, path: '', file, line: 1, column: 1, frame: '' }]);
  };
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sizeLimit + 1), 0, sizeLimit + 1, 0);
    if (bytesRead > sizeLimit) return fail('the file is larger than 1 MiB; a config file of that size is a mistake');
    return buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return fail('there is no such file; name another with `backplane serve <file>`');
    if (code === 'EISDIR') return fail('this is a folder; name the file in it');
    return fail(`the file cannot be read: ${message}`);
  }
}
