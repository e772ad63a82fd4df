/** A store that keeps no secret. Invariant: every text in what a method is given passes `hide`, at any depth. */

function cleaned(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === 'string') return hide(value);
  if (Array.isArray(value)) return value.map((item) => cleaned(item, hide));
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleaned(item, hide)]));
}

/** The same store; its methods are given what `hide` made of their arguments. */
export function hiding<T extends object>(store: T, hide: (text: string) => string): T {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      const method = value as (...args: readonly unknown[]) => unknown;
      return (...args: readonly unknown[]) =>
        method.apply(
          target,
          args.map((arg) => cleaned(arg, hide)),
        );
    },
  });
}
