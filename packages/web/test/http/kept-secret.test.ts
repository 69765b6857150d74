/** The secret of which the tokens of a user's servers are made, in its file. */
import {
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { keptSecret } from '../../src/http/token.ts'

const directory = freshDirectory()

const file = () => join(directory, 'page-secret')

test('the secret of a user is permanent, in a file that no other user can read', () => {
  const secret = keptSecret(directory)
  expect(secret).toMatch(/^[\w-]{32}$/)
  expect([keptSecret(directory), readFileSync(file(), 'utf8')]).toEqual([secret, secret])
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(['page-secret'])
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
])('a secret whose file %s is replaced', (_, spoil) => {
  spoil()
  const secret = keptSecret(directory)
  expect(secret).not.toBe('x'.repeat(32))
  expect([keptSecret(directory), statSync(file()).mode & 0o777]).toEqual([secret, 0o600])
})

test('a user who watches the directory sees nothing of the secret in file names', async () => {
  const names: (string | null)[] = []
  const watcher = watch(directory, (_, name) => names.push(name))
  try {
    const secret = keptSecret(directory)
    // inotify events arrive in order: the secret's events precede this one.
    writeFileSync(join(directory, 'last'), '')
    await expect.poll(() => names).toContain('last')
    expect(names.filter(name => name?.endsWith('.tmp')).length).toBeGreaterThan(0)
    for (const name of names) {
      expect(name).not.toContain(secret)
    }
  } finally {
    watcher.close()
  }
})
