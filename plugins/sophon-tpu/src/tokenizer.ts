import { Failure } from '@backplane/core/sdk';
import { TokenText } from '@backplane/core/text';
import { Tokenizer as HuggingFace } from '@huggingface/tokenizers';

/** What is used of the library, whose own declarations nodenext cannot resolve. */
interface Library {
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: { pre_tokenize(text: string): string[] } | null;
  readonly model: { encode(words: readonly string[]): string[]; readonly vocab: readonly string[] };
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: number[] };
  decode(ids: readonly number[]): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, { readonly id: number; readonly content: string; readonly special: boolean }>;
}

/**
 * Text to token ids and back, by a model folder's tokenizer.json (byte-level BPE). It takes half a second and 50 MB of
 * heap to make, so one serves all calls of a thread.
 */
export class Tokenizer {
  readonly #inner: Library;
  readonly #special: ReadonlyMap<number, string>;
  /** Finds added tokens that are no control tokens, such as `<tool_call>`; undefined when there are none. */
  readonly #marks: RegExp | undefined;

  /** Bytes that one token stands for at most. */
  readonly longest: number;

  /** `tokenizer` and `config`: the parsed tokenizer.json and tokenizer_config.json. Throws what the library throws. */
  constructor(tokenizer: object, config: object) {
    // Where the config is silent, the library would tidy up the spaces before punctuation.
    this.#inner = new HuggingFace(tokenizer, { clean_up_tokenization_spaces: false, ...config });
    const added = [...this.#inner.get_added_tokens_decoder().values()];
    this.#special = new Map(added.filter((token) => token.special).map((token) => [token.id, token.content]));
    this.#marks = splitter(added.filter((token) => !token.special).map((token) => token.content));
    this.longest = this.#inner.model.vocab.reduce((longest, token) => Math.max(longest, token.length), 0);
  }

  /** The control tokens' texts, such as `<|im_end|>`. */
  get special(): readonly string[] {
    return [...this.#special.values()];
  }

  /** Whether it is a control token, which the answer's text leaves out. */
  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  /** The spelling of a control token becomes that token: only for text that may hold some. */
  encode(text: string): number[] {
    return this.#inner.encode(text, { add_special_tokens: false }).ids;
  }

  /** The spelling of a control token becomes ordinary tokens, like transformers' `split_special_tokens`. */
  encodeAsText(text: string): number[] {
    const pieces = this.#marks ? text.split(this.#marks) : [text];
    return pieces.flatMap((piece, index) => (index % 2 === 1 ? this.#known(piece) : this.#plain(piece)));
  }

  #plain(text: string): number[] {
    if (text === '') return [];
    const { normalizer, pre_tokenizer: words, model } = this.#inner;
    const normal = normalizer ? normalizer.normalize(text) : text;
    const tokens = words ? words.pre_tokenize(normal) : [normal];
    return model.encode(tokens).map((token) => this.#known(token));
  }

  #known(token: string): number {
    const id = this.id(token);
    if (id !== undefined) return id;
    throw new Failure(
      'backend_failed',
      'tokenizer.json has no token for a byte of the text; it is not byte-level BPE.',
    );
  }

  /** `skipSpecial`: leave control tokens out. Ids that the vocabulary does not have are left out too. */
  decode(ids: readonly number[], { skipSpecial = false }: { readonly skipSpecial?: boolean } = {}): string {
    const shown = ids.filter((id) => this.#inner.id_to_token(id) !== undefined && !(skipSpecial && this.isSpecial(id)));
    return shown.length === 0 ? '' : this.#inner.decode(shown);
  }

  /** For one growing answer: whole characters only, without control tokens. */
  stream(): TokenText {
    return new TokenText((ids) => this.decode(ids, { skipSpecial: true }));
  }

  /** undefined for a text that is no token. */
  id(token: string): number | undefined {
    return this.#inner.token_to_id(token);
  }

  /** What a token stands for, which may end inside a character; undefined for ids that the vocabulary does not have. */
  bytes(id: number): Uint8Array | undefined {
    const token = this.#inner.id_to_token(id);
    if (token === undefined) return undefined;
    const bytes = Array.from(token, (character) => byteOf.get(character));
    // Added tokens are stored as they are, the others with a printable character per byte.
    return bytes.includes(undefined) ? new TextEncoder().encode(token) : Uint8Array.from(bytes as number[]);
  }
}

/** For `split`: pieces between the texts at even indices, the texts themselves at odd ones. */
export function splitter(texts: readonly string[]): RegExp | undefined {
  if (texts.length === 0) return undefined;
  const longestFirst = [...texts].sort((a, b) => b.length - a.length);
  return new RegExp(`(${longestFirst.map((text) => RegExp.escape(text)).join('|')})`);
}

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others, in order, for U+0100 and on. */
const byteOf: ReadonlyMap<string, number> = new Map(byteAlphabet());

function* byteAlphabet(): Iterable<readonly [character: string, byte: number]> {
  let stranger = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    yield [String.fromCodePoint(printable ? byte : stranger++), byte];
  }
}
