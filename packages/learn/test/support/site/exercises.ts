/** Tests of the pages of exercises: checks, progress, links and the picture. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { PHONE } from '../../../../web/test/support/web/browser.ts'
import { fragmentOf } from '../../../src/browser/kept-driver.ts'
import { courseNames } from '../../../src/folder.ts'
import { editor, solution, status, typeSolution, type Visit, violationsOf } from './visit.ts'

export function exerciseTests(visit: Visit): void {
  test('the skeleton of each exercise is checked on its page, and fails', async () => {
    for (const name of courseNames()) {
      const page = await visit.exercise(name)
      await page.getByRole('button', { name: 'Check', exact: true }).click()
      await status(page)
        .getByText(new RegExp(`^${name}: \\d+ passed, 1 failed, `))
        .waitFor()
      const read = page.locator('.verdicts [data-result=failed] a')
      const href = await read.getAttribute('href')
      expect([name, await page.locator(`main ${href}`).count()]).toEqual([name, 1])
      await page.context().close()
    }
  }, 300_000)

  test('a link with a driver leads to the editor', async () => {
    const page = await visit.exercise(
      '01-drop',
      { viewport: PHONE },
      await fragmentOf(`// shared\n${solution}`),
    )
    const line = editor(page).getByText('// shared')
    await expect.poll(async () => (await line.boundingBox())?.y).toBeLessThan(PHONE.height)
    expect((await line.boundingBox())?.y).toBeGreaterThan(0)
  })

  test('lists of exercises mark those that have passed, here and in other tabs', async () => {
    const page = await visit.exercise('01-drop')
    const other = await page.context().newPage()
    await other.goto(`${visit.site.address}learn/course.html`)
    const passed = (of: Page, list: string) =>
      of
        .locator(`${list} a[data-passed]`)
        .evaluateAll(links => links.map(link => (link as HTMLAnchorElement).pathname))
    await typeSolution(page)
    await editor(page).press('Control+Enter')
    await status(page).getByText('5 passed').waitFor()
    const drop = [expect.stringContaining('/learn/01-drop')]
    expect(await passed(page, '.VPSidebar')).toEqual(drop)
    await expect.poll(() => passed(other, '.vp-doc td')).toEqual(drop)
    await other.reload()
    await expect.poll(() => passed(other, '.vp-doc td')).toEqual(drop)
    expect(await passed(other, '.VPSidebar')).toEqual(drop)
  })

  test('the next page has its own editor and checks', async () => {
    const page = await visit.exercise('01-drop')
    await page.locator('.pager-link.next').click()
    await editor(page, 'mirror.js').waitFor()
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await status(page)
      .getByText(/^02-mirror: /)
      .waitFor()
  })

  test('a driver of an exercise runs beside its editor, and again with its changes', async () => {
    const page = await visit.exercise('01-drop')
    expect(visit.site.asked.own.filter(url => /picture\.[\w-]+\.js/.test(url))).toEqual([])
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.getByLabel(/^The path of frames through drop0/).waitFor()
    await typeSolution(page)
    await editor(page).press('Control+Enter')
    await page.getByRole('row', { name: /^drop0 tx .*[1-9]\d* NOT_SPECIFIED/ }).waitFor()
    await page.locator('.exercise .picture-place').scrollIntoViewIfNeeded()
    expect(await violationsOf(page, '.exercise')).toEqual([])
  })

  test('a page that is opened as a file says that it needs a server', async () => {
    const page = await visit.browser.open(
      pathToFileURL(join(visit.directory, 'learn/01-drop.html')).href,
      {
        expected: /ERR_|CORS/,
      },
    )
    await page.getByText('These pages need a web server').waitFor()
  })
}
