/** examples/pytest and examples/go pass, as root and as an ordinary user. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asUser, ended, TREE } from '#support/ordinary-user.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const VNET = `${process.execPath} ${PROGRAM}`
const PYTEST = ['pytest-3', '-q', '-p', 'no:cacheprovider']

test('the tests for pytest pass', { timeout: 300_000 }, () => {
  const options = {
    cwd: 'examples/pytest',
    env: { ...process.env, VNET },
    encoding: 'utf8',
  } as const
  const { status, stdout } = spawnSync('pytest-3', PYTEST.slice(1), options)
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('4 passed') })
})

test('the tests for pytest pass as an ordinary user', { timeout: 300_000 }, () => {
  const vnet = `VNET=${process.execPath} ${TREE}/dist/vnet.js`
  const { status, stdout } = ended([...asUser(), 'env', vnet, ...PYTEST, 'examples/pytest'])
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('4 passed') })
})

test('the tests for Go pass, and gofmt and vet have nothing to say', { timeout: 600_000 }, () => {
  const cache = mkdtempSync(join(tmpdir(), 'go-cache-'))
  const env = { ...process.env, VNET, GOCACHE: cache, GOFLAGS: '-mod=mod', GOPROXY: 'off' }
  const go = (...words: [string, ...string[]]) => {
    const { status, stdout, stderr } = spawnSync(words[0], words.slice(1), {
      cwd: 'examples/go',
      env,
      encoding: 'utf8',
    })
    return { status, text: stdout + stderr }
  }
  try {
    expect(go('gofmt', '-l', '.')).toEqual({ status: 0, text: '' })
    expect(go('go', 'vet', './...')).toEqual({ status: 0, text: '' })
    expect(go('go', 'test', '-count=1', './...')).toEqual({
      status: 0,
      text: expect.stringMatching(/^ok /),
    })
  } finally {
    rmSync(cache, { recursive: true })
  }
})
