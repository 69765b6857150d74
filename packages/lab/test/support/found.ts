/** examples/found: the smallest scenarios of the defects of packages/lab/records/found.md. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const FOUND = fileURLToPath(new URL('../../../../examples/found/', import.meta.url))

/** Returns the names of all scenarios that show a defect. */
export function foundNames(): readonly string[] {
  return readdirSync(FOUND).flatMap(file => /^(?!network)(.+)\.mjs$/.exec(file)?.[1] ?? [])
}
