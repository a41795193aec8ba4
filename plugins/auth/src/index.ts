import { anonymous, apiVersion, definePlugin } from '@backplane/core/sdk';
import { config, prefixOf } from './config.ts';
import { type Form, HeaderScheme } from './header-scheme.ts';
import { Keys, loadKeys } from './keys.ts';

/** Below this a key is guessed rather than stolen. */
const shortKey = 8;

export default definePlugin({
  name: 'auth',
  apiVersion,
  config,
  async setup(context, { enabled, schemes }) {
    if (!enabled) {
      // A scheme all the same: with none, the core takes the missing lock for an oversight.
      context.auth('anonymous', { challenge: 'Bearer', authenticate: () => anonymous });
      context.log.info({}, 'Auth is off (enabled: false): every route answers without a key');
      return;
    }

    // By header, in the order of config.yaml: `Bearer` and `ApiKey` in one header are two forms of one scheme.
    const headers = new Map<string, { readonly header: string; readonly forms: Form[] }>();
    let count = 0;
    for (const scheme of schemes) {
      const keys = await loadKeys(scheme, context.directory);
      for (const { key, principal } of keys) {
        if (key.length >= shortKey) continue;
        context.log.warn(
          { principal: principal.name, header: scheme.header },
          `The key of ${principal.name} has fewer than ${shortKey} characters; make a longer one, e.g. with openssl rand -hex 24`,
        );
      }
      count += keys.length;
      const name = scheme.header.toLowerCase();
      const entry = headers.get(name) ?? { header: scheme.header, forms: [] };
      entry.forms.push({ prefix: prefixOf(scheme), keys: new Keys(keys) });
      headers.set(name, entry);
    }
    if (count === 0) {
      throw new Error(
        'Auth is on but has no key, so nobody could call anything: add one under schemes[].keys, or say enabled: false.',
      );
    }
    for (const { header, forms } of headers.values()) context.auth(header, new HeaderScheme(header, forms));
  },
});
