import 'reflect-metadata'; // tsyringe throws at import without it, decorators or not
import { container, type DependencyContainer, type InjectionToken, instanceCachingFactory } from 'tsyringe';
import type { Token } from '../sdk/index.ts';

/** The services of one kernel: a container of its own, and a child of it for each plugin. */
export class Services {
  readonly #root: DependencyContainer = container.createChildContainer();
  readonly #scopes = new Map<string, DependencyContainer>();
  readonly #providers = new Map<symbol, string>();

  /** A service of the core, which every plugin sees. */
  core<T>(token: Token<T>, factory: () => T): void {
    this.#root.register(key(token), { useFactory: instanceCachingFactory(factory) });
  }

  provide<T>(plugin: string, token: Token<T>, factory: () => T): void {
    if (this.#root.isRegistered(key(token))) throw new Error(`the service ${title(token)} belongs to the core`);
    const other = this.#providers.get(token);
    if (other !== undefined)
      throw new Error(`the service ${title(token)} is provided by the plugin "${other}" already`);
    this.#providers.set(token, plugin);
    this.#scope(plugin).register(key(token), { useFactory: instanceCachingFactory(factory) });
  }

  use<T>(plugin: string, after: readonly string[], token: Token<T>): T {
    const scope = this.#scope(plugin);
    if (scope.isRegistered(key(token), true)) return scope.resolve(key(token));
    const provider = this.#providers.get(token);
    if (provider === undefined) {
      throw new Error(`the plugin "${plugin}" needs the service ${title(token)}, which no loaded plugin provides`);
    }
    // Otherwise it would depend on the order of config.yaml whether the service is there.
    if (!after.includes(provider)) {
      const fix = `add "${provider}" to its \`after\``;
      throw new Error(`the plugin "${plugin}" needs the service ${title(token)} of the plugin "${provider}": ${fix}`);
    }
    return this.#scope(provider).resolve(key(token));
  }

  /** Drops every service; what a factory made is not disposed, since tsyringe disposes only what it constructed. */
  async dispose(): Promise<void> {
    for (const scope of this.#scopes.values()) await scope.dispose();
    await this.#root.dispose();
    this.#providers.clear();
  }

  #scope(plugin: string): DependencyContainer {
    const scope = this.#scopes.get(plugin) ?? this.#root.createChildContainer();
    this.#scopes.set(plugin, scope);
    return scope;
  }
}

/** A symbol carries no type that tsyringe could see. */
function key<T>(token: Token<T>): InjectionToken<T> {
  return token as symbol as InjectionToken<T>;
}

function title(token: symbol): string {
  return `"${token.description?.replace(/^backplane:/, '')}"`;
}
