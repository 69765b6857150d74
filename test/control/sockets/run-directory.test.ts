/** The directory in which a vnet is found. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeRunDirectory } from '#src/control/sockets/run-directory.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()

test('a directory that others may write is passed over with a line that says how to mend it', () => {
  const [open, own] = [join(directory, 'open'), join(directory, 'own')]
  mkdirSync(open)
  chmodSync(open, 0o1777)
  const lines: string[] = []
  const warn = (line: string) => void lines.push(line)
  expect(makeRunDirectory([open, own], warn).path).toBe(own)
  expect(lines).toEqual([
    `${open} is not used: others may write ${open}; chmod go-w ${open}, and start again`,
  ])
  chmodSync(open, 0o755)
  expect(makeRunDirectory([open, own], warn).path).toBe(open)
  expect(lines).toHaveLength(1)
})
