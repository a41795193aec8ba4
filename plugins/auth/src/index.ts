import { anonymous, apiVersion, definePlugin, type Finding } from '@backplane/core/sdk';
import { config, prefixOf } from './config.ts';
import { type Form, HeaderScheme } from './header-scheme.ts';
import { Keys, loadKeys } from './keys.ts';
import { weakness } from './strength.ts';

const strong = 'Make a new one, e.g. with openssl rand -hex 24';

export default definePlugin({
  name: 'auth',
  apiVersion,
  config,
  async setup(context, { enabled, schemes }) {
    if (!enabled) {
      // A scheme all the same: with none, the core takes the missing lock for an oversight.
      context.auth('anonymous', { challenge: 'Bearer', authenticate: () => anonymous });
      context.log.info({}, 'Auth is off (enabled: false): every route answers without a key');
      context.examine(async () => [{ status: 'ok', what: 'Auth is off: every route answers without a key.' }]);
      return;
    }

    // By header, in the order of config.yaml: `Bearer` and `ApiKey` in one header are two forms of one scheme.
    const headers = new Map<string, { readonly header: string; readonly forms: Form[] }>();
    // One key may be taken in several headers; once is enough to say so.
    const weak = new Map<string, Finding>();
    let count = 0;
    for (const scheme of schemes) {
      const keys = await loadKeys(scheme, context.directory);
      for (const { key, principal } of keys) {
        const why = weakness(key);
        if (why === undefined) continue;
        const what = `The key of ${principal.name} ${why}`;
        context.log.warn({ principal: principal.name, header: scheme.header }, `${what}. ${strong}`);
        weak.set(what, { status: 'warning', what: `${what}.`, fix: `${strong}.` });
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
    context.examine(async () =>
      weak.size > 0 ? [...weak.values()] : [{ status: 'ok', what: `Keys: ${count}, none of them weak.` }],
    );
  },
});
