/**
 * Defines Symbol.dispose and Symbol.asyncDispose if they are missing: Node 20 has them in its main
 * context only, not in node:vm contexts, where vitest's vmThreads runs tests. Every entry point of
 * the package imports this module first, because classes read the symbols when they are loaded.
 * Compilers fall back on the same Symbol.for() for `using`.
 */
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (Symbol[name] === undefined) {
    Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) })
  }
}
