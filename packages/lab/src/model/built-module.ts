/** Finds the modules of workers. */

/**
 * Returns the URL in dist of a vnet module for a worker. Workers run built code only, even if src
 * is imported, as in tests. `path` is relative to `from`, the URL of a module.
 */
export function builtModule(path: string, from: string): URL {
  const { href } = new URL(path, from)
  if (!from.endsWith('.ts')) return new URL(href.replace(/\.ts$/, '.js'))
  return new URL(href.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js'))
}
