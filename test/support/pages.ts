import { readFileSync } from 'node:fs'

/** Returns the text of pages, one after the other; their paths are relative to the repository. */
export function readPages(...paths: readonly string[]): string {
  return paths
    .map(path => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))
    .join('\n')
}
