/** The token that a user's servers share, in its file. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptToken } from '../../src/web/token.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-token-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const file = () => join(directory, 'page-token')

test('the token of a user stays the same, in a file that no other user can read', () => {
  const token = keptToken(directory)
  expect(token).toMatch(/^[\w-]{32}$/)
  expect([keptToken(directory), readFileSync(file(), 'utf8')]).toEqual([token, token])
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['page-token'])
})

test.each([
  ['is empty', () => writeFileSync(file(), '', { mode: 0o600 })],
  ['holds something else', () => writeFileSync(file(), `${'x'.repeat(31)}/`, { mode: 0o600 })],
  [
    'was readable by others',
    () => {
      writeFileSync(file(), 'x'.repeat(32))
      chmodSync(file(), 0o640)
    },
  ],
  [
    'is a link',
    () => {
      writeFileSync(join(directory, 'other'), 'x'.repeat(32), { mode: 0o600 })
      symlinkSync('other', file())
    },
  ],
])('a token whose file %s is replaced', (_, spoil) => {
  spoil()
  const token = keptToken(directory)
  expect(token).not.toBe('x'.repeat(32))
  expect([keptToken(directory), statSync(file()).mode & 0o777]).toEqual([token, 0o600])
})
