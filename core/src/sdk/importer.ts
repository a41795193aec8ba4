/** The configuration file of another server. */
export interface ForeignConfig {
  /** What the YAML or JSON says; no variable is filled in. */
  readonly value: unknown;
  /** Where a path stands, e.g. `config.yaml:8:5`; for a path that leads nowhere, the last of it that exists. */
  where(path: readonly PropertyKey[]): string;
}

/** What config.yaml says in its place. */
export interface Translation {
  /** As config.yaml would have it; `$` in text is escaped by the core. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Above what stands at `at` in `config`. What has no equivalent is told here, with the reason. */
  readonly comments: readonly { readonly at: readonly PropertyKey[]; readonly text: string }[];
}

/**
 * Reads another server's configuration: the default export of a module that a package names in its package.json, under
 * `backplane.importers`, as it exports it: `{ "other-server": "./import" }`.
 */
export interface Importer {
  /** Throws an Error whose message is a sentence, where the file is nothing of the kind. */
  translate(foreign: ForeignConfig): Translation;
}
