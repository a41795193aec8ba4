/** What became of one request. Times in ms, from before it was sent. */
export type Outcome =
  | { readonly failure: string }
  | {
      readonly failure?: undefined;
      /** To the end of the answer. */
      readonly totalMs: number;
      /** To the first token; undefined where the answer was not streamed, or is empty. */
      readonly firstMs: number | undefined;
      /** Mean between two tokens after the first; undefined where there are none to measure. */
      readonly perTokenMs: number | undefined;
      readonly tokens: number;
      /** Whether the server said how many tokens there are; false: each piece of the stream counts as one. */
      readonly counted: boolean;
    };
