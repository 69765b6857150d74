/** The example of packages/learn/docs/write-an-exercise.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'

export const page = readFileSync('packages/learn/docs/write-an-exercise.md', 'utf8')
const files = [...page.matchAll(/^`20-short\/([\w.]+)`:\n\n```\w+\n(.*?)```$/gms)].map(
  ([, name, text]) => [name, text],
)
export const texts = Object.fromEntries(files) as Record<string, string>

/** Makes a new, empty folder for the example in each test of the file. */
export function shortExercises() {
  const directory = freshDirectory()
  let count = 0
  const own = () => join(directory, String(count), '20-short')
  const next = () => {
    count++
    mkdirSync(own(), { recursive: true })
  }
  beforeEach(next)
  return {
    /** The folder. It is another one for each test: a process loads a module of a path once. */
    own,
    /** Makes another folder, for an exercise beside the first. */
    next,
    /** Writes the example with changed files; an empty text leaves a file out. */
    write(changed: Record<string, string> = {}): void {
      for (const [name, text] of Object.entries({ ...texts, ...changed })) {
        if (text !== '') {
          writeFileSync(join(own(), name), text)
        }
      }
    },
  }
}
