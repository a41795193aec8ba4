import type { Dialect } from '@backplane/core/sdk';
import { type LlamaModel, LlamaVocabularyType, type Token } from 'node-llama-cpp';

const tags = ['<think>', '</think>', '<tool_call>', '</tool_call>'];

/** Some tokenizers write a word's space only when they see what came before it. */
const lookBack = 4;

/** Token ids to text, for one model. */
export class Detokenizer {
  readonly #weights: LlamaModel;
  readonly #special: boolean;
  readonly #known: (string | undefined)[] = [];

  constructor(weights: LlamaModel, dialect: Dialect) {
    this.#weights = weights;
    // Control tokens stay out of the text, unless the vocabulary has the dialect's own tags among them.
    const hidden = (tag: string) => weights.detokenize(weights.tokenize(tag, true), false) !== tag;
    this.#special = dialect !== 'plain' && tags.some(hidden);
  }

  /** A function for one answer: called with a growing window of tokens, then with the next window. */
  after(prompt: readonly Token[]): (tokens: readonly number[]) => string {
    if (this.#weights.vocabularyType === LlamaVocabularyType.bpe) return this.#bytes;
    let before = prompt.slice(-lookBack);
    let last: Token[] = [];
    return (tokens) => {
      if (tokens.length === 1) before = [...before, ...last].slice(-lookBack);
      last = [...tokens] as Token[];
      return this.#weights.detokenize(last, this.#special, before);
    };
  }

  /** Byte-level vocabularies: the text of a token does not depend on the others, so it is kept. */
  readonly #bytes = (tokens: readonly number[]): string => {
    const [first] = tokens as readonly Token[];
    if (tokens.length !== 1 || first === undefined) return this.#weights.detokenize(tokens as Token[], this.#special);
    let text = this.#known[first];
    if (text === undefined) {
      text = this.#weights.detokenize([first], this.#special);
      this.#known[first] = text;
    }
    return text;
  };
}
