/** The URL of what was uploaded with the request itself; only that request's `call.media()` finds it. */
export const uploadUrl = 'upload:0';

/** Bytes with a checked type. */
export interface Media {
  /** Told by the content, never by a name or a header. */
  readonly mime: string;
  /** Whoever asked for them owns them: they may be transferred to another thread. */
  readonly bytes: Uint8Array;
  /** Set when the bytes already lie in a file that a decoder can open. */
  readonly path?: string;
}

/** One family of URL schemes, e.g. `data:`, or `http:` and `https:`. What has no scheme is a path, and goes to `file:`. */
export interface MediaLoader {
  /** With the colon, as `URL.protocol` has it. */
  readonly schemes: readonly string[];
  /**
   * Throws `media_rejected` for whatever the operator does not allow. `before`: how many media the same prompt has asked
   * for already.
   */
  load(url: string, signal: AbortSignal, before: number): Promise<Media>;
}
