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

export const readTable = (): readonly Group[] =>
  readdirSync(FOLDER)
    .sort()
    .map(file => readGroup(file.replace(/\.txt$/, '')))

export const readGroup = (name: string): Group => ({
  name,
  cases: parseCases(readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8')),
})
