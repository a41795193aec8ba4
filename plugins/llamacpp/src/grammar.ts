import { type ChatRequest, type Dialect, Failure } from '@backplane/core/sdk';
import type { Llama, LlamaGrammar } from 'node-llama-cpp';
import { GrammarRules } from './rules.ts';
import { SchemaCompiler } from './schema.ts';

/** Where the answer stands with its reasoning when it begins. */
export type Reasoning = 'open' | 'possible' | 'closed';

/** Text up to and with `</think>`. After a "<", the next letter must not continue the tag. */
const reasoning =
  '([^<] | "<"+ ([^</] | "/" ([^<t] | "t" ([^<h] | "h" ([^<i] | "i" ([^<n] | "n" ([^<k] | "k" [^<>])))))))* "</think>" "\\n"{0,2}';

/** Grammars of one model: compiled once per distinct request, a bounded number kept. */
export class Grammars {
  readonly #llama: Llama;
  readonly #dialect: Dialect;
  readonly #kept = new Map<string, LlamaGrammar>();
  static readonly #most = 32;

  constructor(llama: Llama, dialect: Dialect) {
    this.#llama = llama;
    this.#dialect = dialect;
  }

  /** undefined when the request leaves the answer free. Throws 400 for a schema that cannot be enforced. */
  async for(request: ChatRequest, reasoning: Reasoning): Promise<LlamaGrammar | undefined> {
    const { tool_choice: choice, response_format: format } = request;
    if (choice === undefined && format === undefined) return undefined;
    const key = JSON.stringify([choice, choice === undefined ? format : request.tools, reasoning]);
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const made = await this.#make(request, reasoning);
    this.#kept.set(key, made);
    if (this.#kept.size > Grammars.#most) this.#kept.delete(this.#kept.keys().next().value as string);
    return made;
  }

  async #make(request: ChatRequest, state: Reasoning): Promise<LlamaGrammar> {
    const rules = new GrammarRules();
    const answer = request.tool_choice === undefined ? document(rules, request) : this.#call(rules, request);
    const grammar = rules.toString(`${thinking(state)}${answer}`);
    try {
      return await this.#llama.createGrammar({ grammar });
    } catch (error) {
      const param = request.tool_choice === undefined ? 'response_format' : 'tools';
      throw new Failure('unsupported_parameter', 'llama.cpp could not compile a grammar for this JSON schema', {
        param,
        cause: error,
      });
    }
  }

  /** One call in the dialect's form, of the named function or of any. */
  #call(rules: GrammarRules, request: ChatRequest): string {
    const choice = request.tool_choice;
    if (this.#dialect === 'plain' || this.#dialect === 'think') {
      throw new Failure('unsupported_parameter', 'This model has no form for tool calls', { param: 'tool_choice' });
    }
    const name = typeof choice === 'object' ? choice.function.name : undefined;
    const tools = (request.tools ?? []).map((tool, at) => ({ tool, at }));
    const open = tools.filter(({ tool }) => name === undefined || tool.function.name === name);
    if (open.length === 0) {
      const message =
        name === undefined
          ? 'tool_choice asks for a call, but there are no tools'
          : 'tool_choice names a function that is not in tools';
      throw new Failure('invalid_request', message, { param: 'tool_choice' });
    }
    const calls = open.map(({ tool, at }) => {
      const schema = tool.function.parameters ?? { type: 'object', properties: {} };
      const value = SchemaCompiler.compile(rules, schema, `tools.${at}.function.parameters`);
      return rules.add(`${rules.text(JSON.stringify(tool.function.name))} "," ws "\\"arguments\\"" ":" ws ${value}`);
    });
    return `"<tool_call>\\n{" ws "\\"name\\"" ":" ws (${calls.join(' | ')}) ws "}\\n</tool_call>"`;
  }
}

function thinking(state: Reasoning): string {
  if (state === 'closed') return '';
  return state === 'open' ? `${reasoning} ` : `("<think>" ${reasoning})? `;
}

function document(rules: GrammarRules, request: ChatRequest): string {
  const format = request.response_format;
  if (format?.type !== 'json_schema') return rules.map('any');
  return SchemaCompiler.compile(rules, format.json_schema.schema, 'response_format.json_schema.schema');
}
