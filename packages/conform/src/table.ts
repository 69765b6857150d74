/** All cases, from the files of packages/conform/cases. */
import { readdirSync, readFileSync } from 'node:fs'
import { type Case, parseCases } from './notation.ts'

/** src and dist are equally deep. */
const FOLDER = new URL('../cases/', import.meta.url)

/** The cases of a file. */
export interface Group {
  /** The name of the file, without `.txt`. */
  readonly name: string
  readonly cases: readonly Case[]
}

/** Reads all files. Throws an Error that quotes the line of a mistake. */
export const readTable = (): readonly Group[] =>
  readdirSync(FOLDER)
    .sort()
    .map(file => readGroup(file.replace(/\.txt$/, '')))

/** Reads the file of one group. Throws like readTable. */
export const readGroup = (name: string): Group => ({
  name,
  cases: parseCases(readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8')),
})
