/** All subjects, by the names of their files. */
import { readdirSync } from 'node:fs'
import type { Subject } from './subject.ts'

const FOLDER = new URL('subjects/', import.meta.url)

export interface NamedSubject extends Subject {
  readonly name: string
}

export const subjects: readonly NamedSubject[] = await Promise.all(
  readdirSync(FOLDER).map(async file => ({
    name: file.replace(/\.ts$/, ''),
    ...((await import(new URL(file, FOLDER).href)) as Subject),
  })),
)
