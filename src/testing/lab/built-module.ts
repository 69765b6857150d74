/** Where the modules of workers are. */

/**
 * Returns the URL of a module of vnet for a worker, which runs built code only: the one in dist,
 * also when src is imported, as tests do. `path` is relative to `from`, the URL of a module.
 */
export function builtModule(path: string, from: string): URL {
  const { href } = new URL(path, from)
  if (!from.endsWith('.ts')) return new URL(href.replace(/\.ts$/, '.js'))
  return new URL(href.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js'))
}
