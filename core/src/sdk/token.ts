declare const type: unique symbol;

/** A typed key for a service that one plugin provides and another uses. The value is a symbol; `T` exists only for the compiler. */
export type Token<T> = symbol & { readonly [type]?: T };

/** Uses the global symbol registry, so that two copies of a package name the same service. */
export function token<T>(name: string): Token<T> {
  return Symbol.for(`backplane:${name}`) as Token<T>;
}
