import { createRequire } from 'node:module'

/** Returns the version of this package. */
export function packageVersion(): string {
  // src/cli and dist/cli are equally deep.
  const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string }
  return version
}
