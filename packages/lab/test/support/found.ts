/** examples/found: the smallest scenarios of the defects of packages/lab/records/found.md. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const FOUND = fileURLToPath(new URL('../../../../examples/found/', import.meta.url))

const scenariosIn = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap(file => /^(?!network)(.+)\.mjs$/.exec(file)?.[1] ?? [])

/** Returns the names of all scenarios that show a defect of a package. */
export const foundNames = () => scenariosIn(FOUND)

/** Returns the names of all scenarios that show a defect of a program of Debian. */
export const programNames = () => scenariosIn(join(FOUND, 'programs'))
