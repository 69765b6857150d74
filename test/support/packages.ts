import { existsSync, readdirSync } from 'node:fs'

/** The folders with the sources of the packages, as `packages/lan/src`. */
export function sourcesOfPackages(): string[] {
  return readdirSync('packages')
    .map(name => `packages/${name}/src`)
    .filter(existsSync)
}
