import { Failure, type Media, type MediaLoader } from '../sdk/index.ts';
import { sniff } from './sniff.ts';

/** Finds the loader for a URL among those that plugins contributed. Everything that no plugin allows is refused. */
export function mediaSource(loaders: readonly MediaLoader[]) {
  const byScheme = new Map(loaders.flatMap((loader) => loader.schemes.map((scheme) => [scheme, loader] as const)));
  return {
    async load(url: string, signal: AbortSignal, before: number): Promise<Media> {
      const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase() ?? 'file:';
      const loader = byScheme.get(scheme);
      if (!loader) throw new Failure('media_rejected', `This server does not load media from ${named(scheme)}.`);
      return loader.load(url, signal, before);
    },
    /** An upload: its type is told by its content. */
    receive(bytes: Uint8Array): Media {
      const mime = sniff(bytes);
      if (mime !== undefined) return { mime, bytes };
      throw new Failure('media_rejected', 'The file is neither a picture nor a video that this server reads.', {
        param: 'file',
      });
    },
  };
}

/** A scheme is the client's word, and may be long. */
function named(scheme: string): string {
  return scheme === 'file:' ? 'files' : `${scheme.slice(0, 32)} URLs`;
}
