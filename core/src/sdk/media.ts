/** Bytes with a checked type. */
export interface Media {
  /** Told by the content, never by a name or a header. */
  readonly mime: string;
  readonly bytes: Uint8Array;
  /** Set when the bytes already lie in a file that a decoder can open. */
  readonly path?: string;
}

/** One family of URL schemes, e.g. `data:`, or `http:` and `https:`. */
export interface MediaLoader {
  /** With the colon, as `URL.protocol` has it. */
  readonly schemes: readonly string[];
  /** Throws `media_rejected` for whatever the operator does not allow. */
  load(url: string, signal: AbortSignal): Promise<Media>;
}
