import { Failure, type Media, type MediaLoader } from '../sdk/index.ts';

/** Finds the loader for a URL among those that plugins contributed. Everything that no plugin allows is refused. */
export function mediaLoading(loaders: readonly MediaLoader[]): (url: string, signal: AbortSignal) => Promise<Media> {
  const byScheme = new Map(loaders.flatMap((loader) => loader.schemes.map((scheme) => [scheme, loader] as const)));
  return async (url, signal) => {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase() ?? 'file:';
    const loader = byScheme.get(scheme);
    if (!loader) throw new Failure('media_rejected', `This server does not load media from ${scheme} URLs.`);
    return loader.load(url, signal);
  };
}
