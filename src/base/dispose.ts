/**
 * Defines Symbol.dispose and Symbol.asyncDispose where missing: Node 20 has them only in its main
 * context, not in node:vm contexts (vitest's vmThreads). Every entry point imports this first,
 * because classes read them when loaded. Compilers fall back on the same Symbol.for().
 */
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) })
}
