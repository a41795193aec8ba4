import type { LimitedCall } from '@backplane/core/sdk';
import type { LimitConfig } from './config.ts';

/** What a limit counts; a label of the metrics. */
export type Kind = 'requests' | 'tokens' | 'concurrent';

/** One number of config.yaml as it applies to one call. */
export interface Bound {
  readonly kind: Kind;
  readonly most: number;
  /** Names the count in the store. */
  readonly key: string;
  /** Whose count it is, as the end of a sentence: `for ann on m`. */
  readonly whose: string;
}

/** One entry of `limits`. */
export class Limit {
  readonly #config: LimitConfig;
  readonly #index: number;

  /** `index`: its place in config.yaml, by which replicas know that they mean the same count. */
  constructor(config: LimitConfig, index: number) {
    this.#config = config;
    this.#index = index;
  }

  /** None when this entry does not count the call. */
  bounds({ principal, model }: Pick<LimitedCall, 'principal' | 'model'>): readonly Bound[] {
    const { principals, models, per, requests_per_minute, tokens_per_minute, concurrent } = this.#config;
    if (principals?.includes(principal.name) === false || models?.includes(model) === false) return [];
    const byPrincipal = per.includes('principal');
    const byModel = per.includes('model');
    // Encoded, since names may hold a colon too.
    const scope = [byPrincipal ? principal.name : '', byModel ? model : ''].map(encodeURIComponent).join(':');
    const who = byPrincipal ? principal.name : 'all callers together';
    const where = byModel ? model : models === undefined ? 'all models together' : 'these models together';
    const bound = (kind: Kind, most: number | undefined): Bound[] =>
      most === undefined
        ? []
        : [{ kind, most, key: `${kind}:${this.#index}:${scope}`, whose: `for ${who} on ${where}` }];
    return [
      ...bound('requests', requests_per_minute),
      ...bound('tokens', tokens_per_minute),
      ...bound('concurrent', concurrent),
    ];
  }
}
