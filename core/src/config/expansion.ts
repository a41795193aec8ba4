/** A text with its variables filled in. */
export interface Expansion {
  readonly text: string;
  /** What came from the environment, by variable: never to be shown. */
  readonly values: ReadonlyMap<string, string>;
  /** True when the text is one variable and nothing else: `"${PORT}"` may then stand for a number. */
  readonly whole: boolean;
  /** Sentences; the text is not to be used when there are any. */
  readonly problems: readonly string[];
}

const variable = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\{)/g;

/** `${NAME}`, `${NAME:-default}` (used when NAME is unset or empty) and `$$` for a dollar sign. */
export function expand(written: string, env: NodeJS.ProcessEnv): Expansion {
  const values = new Map<string, string>();
  const problems: string[] = [];
  const text = written.replace(variable, (match, name: string | undefined, fallback: string | undefined) => {
    if (match === '$$') return '$';
    if (name === undefined) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows what to write
      problems.push('`${` must begin `${NAME}` or `${NAME:-default}`; write `$$` for a dollar sign');
      return match;
    }
    const value = env[name];
    if (fallback !== undefined && !value) return fallback;
    if (value === undefined) {
      problems.push(`the environment variable ${name} is not set; set it, or give a default: \${${name}:-default}`);
      return match;
    }
    values.set(name, value);
    return value;
  });
  const whole = /^\$\{[A-Za-z_]\w*(?::-[^}]*)?\}$/.test(written);
  return { text, values, whole, problems };
}
