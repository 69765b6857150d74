/** '@vnet/lab/playwright' in a project in which npm has linked a clone of vnet. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LinkedProject } from './playwright-project.ts'

test("a linked vnet takes the project's Playwright, whatever the directory", () => {
  using project = new LinkedProject()
  const playwright = join(project.directory, 'node_modules/@playwright/test')
  mkdirSync(playwright, { recursive: true })
  const base = '{ use() {}, extend() { return { ...exports.test } } }'
  writeFileSync(
    join(playwright, 'index.js'),
    `exports.expect = 'of the project'; exports.test = ${base}`,
  )
  const text = "import { expect } from '@vnet/lab/playwright'; console.log(expect)"
  expect(project.run(text, '/')).toBe('of the project\n')
})
