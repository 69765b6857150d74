/** Programs that a guest asks for while it runs, in any of its programs' names. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { addProgram } from '../src/guest.ts'
import { ProgramMissing } from '../src/run.ts'

const directory = freshDirectory()
const secret = () => join(directory, 'secret-prog')

beforeEach(() => {
  writeFileSync(secret(), '')
  chmodSync(secret(), 0o755)
  vi.stubEnv('XDG_CACHE_HOME', directory)
})
afterEach(() => vi.unstubAllEnvs())

function asked(program: string): string[] {
  const messages: string[] = []
  addProgram(new ProgramMissing(program), new Set(), {
    directory,
    onMessage: line => void messages.push(line),
  })
  return messages
}

test.each(['sh', '/bin/sh', '/usr/bin/env'])(
  'a guest gets %s, a program of PATH or of the system',
  program => {
    expect(asked(program)).toEqual([`the guest gets ${program}, and starts again`])
  },
)

test('a guest gets no other file of the user that it names, and a line says how to give it', () => {
  const line = `the guest asks for ${secret()}, which is not in PATH: give it by --program ${secret()}, or not`
  expect(() => asked(secret())).toThrow(line)
  expect(() => asked(`/usr/../${secret()}`)).toThrow('which is not in PATH')
  vi.stubEnv('PATH', `${process.env.PATH}:${directory}`)
  expect(asked(secret())).toHaveLength(1)
})

test('a name with control characters is refused, and shown without them', () => {
  expect(() => asked('sh\nvnet: passed')).toThrow(
    /^the guest asks for sh\\x0avnet: passed, which is not in PATH/,
  )
})
