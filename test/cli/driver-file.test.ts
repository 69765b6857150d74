import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isDriverFile } from '../../src/cli/driver-file.ts'
import { runMain } from '../support/run-main.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function file(text: string, name = 'my-driver.mjs'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('a driver from a file', () => {
  test.each([
    ['./my-driver.js', true],
    ['driver.mjs', true],
    ['/home/me/driver.ts', true],
    ['snull', false],
    ['--name', false],
    ['-x.js', false],
    [undefined, false],
  ])('%s names one: %s', (argument, is) => {
    expect(isDriverFile(argument)).toBe(is)
  })

  test('has its parameters as options of its command', async () => {
    const params = `{ loss: { type: 'int', default: 0, description: 'lose every n-th', live: false, parse: Number } }`
    const path = file(
      `export const driver = { name: 'mine', description: 'my own', params: ${params}, init: () => [] }`,
    )
    const { status, stdout } = await runMain(path, '--help')
    expect([status, stdout]).toEqual([0, expect.stringMatching(/my own[\s\S]*--loss N +lose every n-th/)])
  })

  test('is refused in one line that names the place when it does not load', async () => {
    const path = file(`\nthrow new Error('not today')`)
    const { status, stderr } = await runMain(path)
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*not today \(at .*my-driver\.mjs:2:7\).*\n$/)])
  })

  test('is refused in one line when there is no such file', async () => {
    const { status, stderr } = await runMain(join(directory, 'nowhere.js'))
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*nowhere\.js does not load: .*\n$/)])
  })

  test.each(['', 'export const driver = 1', `export const driver = { name: 'half' }`])(
    'is refused in one line when it exports none: %s',
    async text => {
      const { status, stderr } = await runMain(file(text))
      expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*exports no driver.*defineDriver.*\n$/)])
    },
  )
})
