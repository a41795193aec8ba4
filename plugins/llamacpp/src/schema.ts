import { Failure } from '@backplane/core/sdk';
import type { GrammarRules } from './rules.ts';

/** A schema as it came from the caller. */
export type Schema = Readonly<Record<string, unknown>>;

const maxDepth = 32;
const maxBytes = 65_536;
const maxNodes = 2000;
const maxRepeat = 1000;

/** Keywords that say nothing about which values are valid. */
const annotations = new Set(
  '$schema $id $comment $defs definitions title description default examples example deprecated readOnly writeOnly discriminator'.split(
    ' ',
  ),
);

/** Keywords that a grammar can enforce, by the type they speak of. */
const enforced: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};
const everyType = Object.keys(enforced).filter((type) => type !== 'integer');
const everyKeyword = new Set(Object.values(enforced).flat());

/**
 * Compiles one JSON Schema into grammar rules whose every sentence is a valid value. Optional properties may be left out,
 * declared ones come in their order, undeclared ones are not made where others are declared. Whatever cannot be promised is
 * refused with 400 and the path of the keyword.
 */
export class SchemaCompiler {
  readonly #rules: GrammarRules;
  readonly #root: Schema;
  readonly #param: string;
  /** Rules of `$ref` targets: what makes a recursive schema end. */
  readonly #references = new Map<string, string>();
  #nodes = 0;

  private constructor(rules: GrammarRules, root: Schema, param: string) {
    this.#rules = rules;
    this.#root = root;
    this.#param = param;
  }

  /** Returns the name of the rule for the whole schema. `param`: the request field it came in. */
  static compile(rules: GrammarRules, schema: Schema, param: string): string {
    const compiler = new SchemaCompiler(rules, schema, param);
    if (JSON.stringify(schema).length > maxBytes) compiler.#refuse([], `is longer than ${maxBytes} bytes`);
    return compiler.#value(schema, [], 0);
  }

  #value(schema: unknown, path: readonly string[], depth: number): string {
    if (depth > maxDepth) this.#refuse(path, `is nested deeper than ${maxDepth} levels`);
    if (++this.#nodes > maxNodes) this.#refuse([], `has more than ${maxNodes} parts`);
    if (schema === true) return this.#rules.any();
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      this.#refuse(path, 'is not a schema that any value could match');
    }
    const given = schema as Schema;
    const keywords = Object.keys(given).filter((key) => !annotations.has(key) && given[key] !== undefined);
    for (const key of ['$ref', 'anyOf', 'oneOf', 'allOf', 'const', 'enum']) {
      if (!keywords.includes(key)) continue;
      // A type beside an enum only repeats it; beside the others it would have to be intersected.
      const other = keywords.find((k) => k !== key && !(k === 'type' && (key === 'const' || key === 'enum')));
      if (other !== undefined) this.#refuse([...path, other], `cannot be combined with ${key}`);
      if (key === '$ref') return this.#reference(given[key], [...path, key], depth);
      if (key === 'const') return this.#literals([given[key]], given, [...path, key]);
      if (key === 'enum') return this.#literals(this.#list(given[key], [...path, key]), given, [...path, key]);
      return this.#union(key, this.#list(given[key], [...path, key]), [...path, key], depth);
    }
    for (const key of keywords) {
      if (key !== 'type' && !everyKeyword.has(key)) this.#refuse([...path, key], 'cannot be enforced by this engine');
    }
    const types = this.#types(given, keywords, path);
    for (const key of keywords) {
      if (key !== 'type' && !types.some((type) => enforced[type]?.includes(key))) {
        this.#refuse([...path, key], `says nothing about a value of type ${types.join(' or ')}`);
      }
    }
    return this.#rules.add(types.map((type) => this.#typed(type, given, path, depth)).join(' | '));
  }

  #types(given: Schema, keywords: readonly string[], path: readonly string[]): readonly string[] {
    const declared = given.type;
    if (declared !== undefined) {
      const types = Array.isArray(declared) ? declared : [declared];
      const odd = types.find((type) => typeof type !== 'string' || !(type in enforced));
      if (types.length === 0 || odd !== undefined) this.#refuse([...path, 'type'], 'is not a type of JSON Schema');
      return types;
    }
    const implied = everyType.filter((type) => keywords.some((key) => enforced[type]?.includes(key)));
    return implied.length > 0 ? implied : everyType;
  }

  #typed(type: string, given: Schema, path: readonly string[], depth: number): string {
    if (type === 'object') return this.#object(given, path, depth);
    if (type === 'array') return this.#array(given, path, depth);
    if (type === 'string') return this.#string(given, path);
    return this.#rules.scalar(type as 'number' | 'integer' | 'boolean' | 'null');
  }

  #object(given: Schema, path: readonly string[], depth: number): string {
    const properties = { ...(given.properties as Schema | undefined) };
    const required = given.required === undefined ? [] : this.#list(given.required, [...path, 'required'], true);
    const others = given.additionalProperties ?? true;
    for (const name of required as string[]) {
      if (Object.hasOwn(properties, name)) continue;
      if (others === false)
        this.#refuse([...path, 'required'], `asks for "${name}", which additionalProperties forbids`);
      properties[name] = others;
    }
    const names = Object.keys(properties);
    if (names.length === 0) {
      if (others === false) return this.#rules.emptyObject();
      return this.#rules.map(this.#value(others, [...path, 'additionalProperties'], depth + 1));
    }
    return this.#rules.object(
      names.map((name) => ({
        key: JSON.stringify(name),
        value: this.#value(properties[name], [...path, 'properties', name], depth + 1),
        required: required.includes(name),
      })),
    );
  }

  #array(given: Schema, path: readonly string[], depth: number): string {
    const prefix = given.prefixItems === undefined ? [] : this.#list(given.prefixItems, [...path, 'prefixItems']);
    const min = this.#count(given, 'minItems', path) ?? 0;
    const max = this.#count(given, 'maxItems', path);
    if (max !== undefined && max < min) this.#refuse([...path, 'maxItems'], 'is less than minItems');
    const first = prefix.map((item, i) => this.#value(item, [...path, 'prefixItems', String(i)], depth + 1));
    const items = given.items ?? true;
    const closed = items === false || max === 0;
    if (closed && min > first.length) this.#refuse([...path, 'minItems'], 'is more than the schema allows');
    const rest = closed ? undefined : this.#value(items, [...path, 'items'], depth + 1);
    return this.#rules.array(first, rest, min, max);
  }

  #string(given: Schema, path: readonly string[]): string {
    const format = given.format;
    const min = this.#count(given, 'minLength', path) ?? 0;
    const max = this.#count(given, 'maxLength', path);
    if (max !== undefined && max < min) this.#refuse([...path, 'maxLength'], 'is less than minLength');
    if (format === undefined) return this.#rules.string(min, max);
    if (min > 0 || max !== undefined) this.#refuse([...path, 'format'], 'cannot be combined with a length');
    const known = this.#rules.format(String(format));
    if (known === undefined) this.#refuse([...path, 'format'], `"${String(format)}" cannot be enforced by this engine`);
    return known;
  }

  #reference(target: unknown, path: readonly string[], depth: number): string {
    if (typeof target !== 'string' || !/^#(\/|$)/.test(target))
      this.#refuse(path, 'is not a reference into the same schema');
    const known = this.#references.get(target);
    if (known !== undefined) return known;
    const found = this.#find(target, path);
    const name = this.#rules.reserve();
    this.#references.set(target, name);
    const inner = this.#value(found, [target], depth + 1);
    if (inner === name) this.#refuse(path, 'refers to itself');
    this.#rules.define(name, inner);
    return name;
  }

  #find(target: string, path: readonly string[]): unknown {
    let at: unknown = this.#root;
    for (const step of target.split('/').slice(1)) {
      const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
      at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Schema)[key] : undefined;
    }
    if (at === undefined) this.#refuse(path, `points to ${target}, which is not in the schema`);
    return at;
  }

  #union(key: string, branches: readonly unknown[], path: readonly string[], depth: number): string {
    if (key === 'allOf' && branches.length > 1)
      this.#refuse(path, 'with more than one entry cannot be enforced by this engine');
    if (key === 'oneOf' && !this.#exclusive(branches)) {
      this.#refuse(
        path,
        'has branches that one value could match together: use anyOf, or give each a distinct type or const',
      );
    }
    return this.#rules.add(
      branches.map((branch, i) => this.#value(branch, [...path, String(i)], depth + 1)).join(' | '),
    );
  }

  /** Whether no value can match two of the branches, as far as their types and constant properties tell. */
  #exclusive(branches: readonly unknown[]): boolean {
    const seen = branches.map((branch) => this.#resolved(branch));
    return seen.every((a, i) => seen.slice(i + 1).every((b) => apart(a, b)));
  }

  #resolved(branch: unknown): Schema {
    const schema = (typeof branch === 'object' && branch !== null ? branch : {}) as Schema;
    const target = schema.$ref;
    return typeof target === 'string' && target.startsWith('#/') ? (this.#find(target, ['$ref']) as Schema) : schema;
  }

  #literals(values: readonly unknown[], given: Schema, path: readonly string[]): string {
    const declared = given.type as string | readonly string[] | undefined;
    const fitting =
      declared === undefined ? values : values.filter((value) => [declared].flat().some((t) => isOf(value, t)));
    if (fitting.length === 0) this.#refuse(path, 'has no value of the declared type');
    return this.#rules.add(fitting.map((value) => this.#rules.text(JSON.stringify(value))).join(' | '));
  }

  #list(value: unknown, path: readonly string[], strings = false): readonly unknown[] {
    const odd = strings && Array.isArray(value) && value.some((entry) => typeof entry !== 'string');
    if (!Array.isArray(value) || odd || (value.length === 0 && !strings))
      this.#refuse(path, 'is not a list as JSON Schema has it');
    return value as readonly unknown[];
  }

  #count(given: Schema, key: string, path: readonly string[]): number | undefined {
    const value = given[key];
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || (value as number) < 0) this.#refuse([...path, key], 'is not a count');
    if ((value as number) > maxRepeat)
      this.#refuse([...path, key], `is more than ${maxRepeat}, which is as far as a grammar counts`);
    return value as number;
  }

  #refuse(path: readonly string[], why: string): never {
    const where = path.length === 0 ? 'The JSON schema' : `The JSON schema's ${path.join('.').slice(0, 200)}`;
    throw new Failure('unsupported_parameter', `${where} ${why}`, { param: this.#param });
  }
}

function isOf(value: unknown, type: string): boolean {
  if (value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/** Whether two schemas have no value in common. */
function apart(a: Schema, b: Schema): boolean {
  const [typesA, typesB] = [kinds(a), kinds(b)];
  if (typesA !== undefined && typesB !== undefined && !typesA.some((type) => typesB.includes(type))) return true;
  const [valuesA, valuesB] = [constants(a), constants(b)];
  if (valuesA !== undefined && valuesB !== undefined) return !valuesA.some((value) => valuesB.includes(value));
  const required = (s: Schema) => (Array.isArray(s.required) ? (s.required as unknown[]) : []);
  return required(a).some((name) => {
    if (typeof name !== 'string' || !required(b).includes(name)) return false;
    const left = constants(((a.properties ?? {}) as Schema)[name]);
    const right = constants(((b.properties ?? {}) as Schema)[name]);
    return left !== undefined && right !== undefined && !left.some((value) => right.includes(value));
  });
}

/** The types a schema allows, as far as it says; an integer is a number. */
function kinds(schema: Schema): readonly string[] | undefined {
  if (schema.type !== undefined) {
    return ([schema.type].flat() as string[]).map((name) => (name === 'integer' ? 'number' : name));
  }
  const values = constants(schema)?.map((value) => JSON.parse(value));
  return values?.map(
    (value) => Object.keys(enforced).find((type) => type !== 'integer' && isOf(value, type)) as string,
  );
}

function constants(schema: unknown): readonly string[] | undefined {
  const given = (typeof schema === 'object' && schema !== null ? schema : {}) as Schema;
  if ('const' in given) return [JSON.stringify(given.const)];
  return Array.isArray(given.enum) ? given.enum.map((value) => JSON.stringify(value)) : undefined;
}
