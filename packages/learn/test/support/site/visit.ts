/** What the tests of the site share: pages with an editor, and the rules of axe. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { beforeAll, expect } from 'vitest'
import {
  type BrowserName,
  type OpenOptions,
  TestBrowser,
} from '../../../../web/test/support/web/browser.ts'
import { COURSE } from '../../../src/folder.ts'
import { StaticSite } from '../static-site.ts'

/** The path of the site on its server. */
export const BASE = '/some/site/'
export const solution = readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The built site, and a browser that visits it. */
export class Visit {
  readonly directory: string
  readonly browser: TestBrowser
  readonly site: StaticSite

  /** Serves the directory and starts the browser for the tests of a file or of a `describe`. */
  constructor(directory: string, name: BrowserName) {
    this.directory = directory
    this.browser = new TestBrowser({ name })
    this.site = new StaticSite(directory, BASE)
    beforeAll(() => this.site.listen())
  }

  page(path: string, options?: OpenOptions): Promise<Page> {
    return this.site.open(this.browser, path, options)
  }

  /** Returns the page of an exercise once it has an editor with the types of vnet. */
  async exercise(name: string, options?: OpenOptions, fragment = ''): Promise<Page> {
    const page = await this.page(`learn/${name}.html${fragment}`, options)
    await editorIn(page)
    return page
  }
}

/** Scrolls to the editor of an exercise, which loads then with the types of vnet. */
export async function editorIn(page: Page): Promise<void> {
  await page.locator('.exercise .editor').scrollIntoViewIfNeeded()
  await page.locator('.cm-editor[data-types]').waitFor()
}

export const editor = (page: Page, driver = 'drop.js') =>
  page.getByRole('textbox', { name: driver })
export const status = (page: Page) => page.getByRole('status')
export const picture = (page: Page) => page.getByLabel(/^The path of frames through/)
export const isFocused = (page: Page, text: string) =>
  expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe(text)

export async function typeSolution(page: Page): Promise<void> {
  await editor(page).focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(solution)
}

/** Returns what breaks the rules of axe, or one rule, in an element. */
export async function violationsOf(page: Page, selector: string, rule?: string): Promise<string[]> {
  await page.evaluate(axe)
  const options = { resultTypes: ['violations'], ...(rule && { runOnly: rule }) }
  const run = `axe.run(${JSON.stringify(selector)}, ${JSON.stringify(options)})`
  const { violations } = (await page.evaluate(run)) as AxeResults
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
