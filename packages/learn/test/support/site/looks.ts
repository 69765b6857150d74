/** Tests of the sizes and colors of the site, and of its weight. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { DESKTOP, PHONE } from '../../../../web/test/support/web/browser.ts'
import { BASE, editor, picture, status, typeSolution, type Visit, violationsOf } from './visit.ts'

const looks = [PHONE, DESKTOP, { width: 1600, height: 900 }].flatMap(viewport =>
  (['light', 'dark'] as const).map(colorScheme => ({ viewport, colorScheme })),
)

export function lookTests(visit: Visit): void {
  test('an exercise has 150 kB at most before its editor, and 350 kB with it', async () => {
    const page = await visit.exercise('01-drop')
    await page.waitForLoadState('networkidle')
    const loaded = (await page.evaluate(() =>
      performance
        .getEntries()
        .flatMap(each => ('encodedBodySize' in each ? [new URL(each.name).pathname] : [])),
    )) as string[]
    const files = loaded
      .map(path => path.slice(BASE.length))
      .filter(path => existsSync(join(visit.directory, path)))
    const kilobytes = (which: readonly string[]) =>
      which.reduce(
        (sum, path) => sum + gzipSync(readFileSync(join(visit.directory, path))).length,
        0,
      ) / 1000
    const editors = files.filter(path => /code-mirror|types\.json/.test(path))
    expect(editors).toHaveLength(2)
    expect(kilobytes(files.filter(path => !editors.includes(path)))).toBeLessThan(150)
    expect(kilobytes(files)).toBeLessThan(350)
  })

  test.each(looks)('an exercise breaks no rule of axe, and fits, for %o', async look => {
    const page = await visit.exercise('01-drop', look)
    for (const isSolved of [false, true]) {
      if (isSolved) {
        await typeSolution(page)
      }
      await editor(page).press('Control+Enter')
      await status(page)
        .getByText(isSolved ? '5 passed' : '1 failed')
        .waitFor()
      expect(await violationsOf(page, '.exercise')).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(
        look.viewport.width,
      )
    }
  })

  test.each(looks)('the playground breaks no rule of axe, and fits, for %o', async look => {
    const page = await visit.page('playground.html', look)
    await picture(page).waitFor()
    for (const tab of ['Hands on', 'Frames', 'Step']) {
      await page.locator('.picture').getByRole('link', { name: tab, exact: true }).click()
      expect([tab, ...(await violationsOf(page, '.playground'))]).toEqual([tab])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(
        look.viewport.width,
      )
    }
  })
}
