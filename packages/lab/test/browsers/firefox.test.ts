/** Firefox of the distribution in a host of a lab, by Puppeteer and WebDriver BiDi. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

test('Puppeteer drives Firefox in a host, where it loads a page through the link', {
  timeout: 300_000,
}, () => {
  using project = new PlaywrightProject()
  project.add('puppeteer-core@24.43.1')
  const worker = 'firefox-worker.js'
  copyFileSync(join(import.meta.dirname, 'cases', worker), join(project.directory, worker))
  expect(project.runCase('firefox')).toMatch(/firefox\/\d+/)
})
