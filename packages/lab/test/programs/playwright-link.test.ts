/** '@vnet/lab/playwright' in a project in which npm has linked a clone of vnet. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'vnet-link-')))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(resolve(import.meta.dirname, '../../../..'), join(project, 'node_modules/vnet'))
  symlinkSync(
    resolve(import.meta.dirname, '../../../../node_modules/@vnet'),
    join(project, 'node_modules/@vnet'),
  )
})
afterEach(() => rmSync(project, { recursive: true }))

function importIt(text: string, cwd = project): string {
  const file = join(project, 'case.mjs')
  writeFileSync(file, text)
  const { stdout, stderr } = spawnSync(process.execPath, [file], { cwd, encoding: 'utf8' })
  return stdout + stderr
}

test("a linked vnet takes the project's Playwright, whatever the directory", () => {
  const playwright = join(project, 'node_modules/@playwright/test')
  mkdirSync(playwright, { recursive: true })
  const base = '{ use() {}, extend() { return { ...exports.test } } }'
  writeFileSync(
    join(playwright, 'index.js'),
    `exports.expect = 'of the project'; exports.test = ${base}`,
  )
  const text = "import { expect } from '@vnet/lab/playwright'; console.log(expect)"
  expect(importIt(text, '/')).toBe('of the project\n')
})

test('without Playwright the import says what to install', () => {
  const text =
    "await import('@vnet/lab/playwright').catch(({ name, message }) => console.log(name, message))"
  const install = 'npm install --save-dev @playwright/test'
  expect(importIt(text)).toBe(
    `UsageError @vnet/lab/playwright: @playwright/test is not installed: ${install}\n`,
  )
})
