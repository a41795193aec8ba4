interface Node {
  readonly name: string;
  readonly after?: readonly string[] | undefined;
}

/** Names that wait for each other, the first one repeated at the end. */
export class Cycle extends Error {
  override readonly name = 'Cycle';
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    super(`these plugins wait for each other: ${names.join(' after ')}`);
    this.names = names;
  }
}

/** Each after the ones it names; otherwise as given. Names that are not there are ignored. Throws a `Cycle`. */
export function order<T>(items: readonly T[], node: (item: T) => Node): T[] {
  const byName = new Map(items.map((item) => [node(item).name, item]));
  const done = new Set<T>();
  const open: string[] = [];
  const visit = (item: T): void => {
    if (done.has(item)) return;
    const { name, after = [] } = node(item);
    const start = open.indexOf(name);
    if (start >= 0) throw new Cycle([...open.slice(start), name]);
    open.push(name);
    for (const other of after) {
      const before = byName.get(other);
      if (before !== undefined) visit(before);
    }
    open.pop();
    done.add(item);
  };
  for (const item of items) visit(item);
  return [...done];
}
