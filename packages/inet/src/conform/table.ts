/** All cases, from the files of packages/inet/conform. */
import { readdirSync, readFileSync } from 'node:fs'
import { type Case, parseCases } from './notation.ts'

/** src and dist are equally deep. */
const FOLDER = new URL('../../conform/', import.meta.url)

export interface Group {
  /** The name of the file, without `.txt`. */
  readonly name: string
  readonly cases: readonly Case[]
}

export function readTable(): readonly Group[] {
  return readdirSync(FOLDER)
    .sort()
    .map(file => ({ name: file.replace(/\.txt$/, ''), cases: parseCases(readFileSync(new URL(file, FOLDER), 'utf8')) }))
}
