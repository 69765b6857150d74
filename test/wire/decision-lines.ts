/** The lines of a log. */
import { readFileSync } from 'node:fs'

export const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
