/** Finds the modules of workers. */

/** Returns a module's URL in dist, as workers run built code only. `path` is relative to `from`. */
export function builtModule(path: string, from: string): URL {
  const { href } = new URL(path, from)
  if (!from.endsWith('.ts')) return new URL(href.replace(/\.ts$/, '.js'))
  return new URL(href.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js'))
}
