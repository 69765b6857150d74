/** Tests of the front page, and of the colours of all pages. */
import { readdirSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Visit, violationsOf } from './visit.ts'

const SCREENS = [
  { width: 1280, height: 800 },
  { width: 400, height: 800 },
]
const DOORS = [
  ['Break a network', /lab\/run(\.html)?$/],
  ['Write a driver in your browser', /learn\/01-drop(\.html)?$/],
  ['A TAP in Node', /tap(\.html)?$/],
] as const

/** It takes four minutes: 112 pages, twice. */
const LIMIT_MS = 1_200_000

/** Returns the number of animations that run; transitions do not count. */
const moving = (page: Page) =>
  page.evaluate(() => document.getAnimations().filter(each => each instanceof CSSAnimation).length)

export function frontTests(visit: Visit): void {
  test.each(SCREENS)(
    'the sentence and the doors are on the first screen without scripts, for %o',
    async viewport => {
      const page = await visit.page('', { viewport, javaScriptEnabled: false })
      const shown = [
        page.locator('h1 + p'),
        ...DOORS.map(([name]) => page.getByRole('link', { name })),
      ]
      for (const each of [...shown, ...(await page.locator('.door svg').all())]) {
        const { y = -1, height = 0 } = (await each.boundingBox()) ?? {}
        expect(y).toBeGreaterThan(0)
        expect(y + height).toBeLessThan(viewport.height)
      }
    },
  )

  test.each(DOORS)('the door "%s" leads to its page', async (name, path) => {
    const page = await visit.page('')
    await page.getByRole('link', { name }).click()
    await page.waitForURL(path)
  })

  test('a door moves once, under the pointer or with the focus', async () => {
    const page = await visit.page('')
    expect(await moving(page)).toBe(0)
    const door = page.getByRole('link', { name: DOORS[0][0] })
    await door.focus()
    expect(await moving(page)).toBe(3)
    await expect.poll(() => moving(page)).toBe(0)
    await page.getByRole('link', { name: DOORS[1][0] }).hover()
    expect(await moving(page)).toBe(4)
  })
}

/** Firefox takes it from the system. */
export function stillTests(visit: Visit): void {
  test('no door moves with reduced motion', async () => {
    const page = await visit.page('', { reducedMotion: 'reduce' })
    await page.getByRole('link', { name: DOORS[1][0] }).hover()
    expect(await moving(page)).toBe(0)
  })
}

export function contrastTests(visit: Visit): void {
  test(
    'all text outside of the API has a contrast of 4.5, in both schemes',
    async () => {
      const paths = (readdirSync(visit.directory, { recursive: true }) as string[]).filter(path =>
        /^(?!api\/(?!index)).*\.html$/.test(path),
      )
      // Colours fade from one scheme to the other.
      const page = await visit.page('', { reducedMotion: 'reduce' })
      const found: string[] = []
      for (const path of paths.sort()) {
        await page.goto(visit.site.address + path)
        for (const isDark of [false, true]) {
          await page.evaluate(
            dark => document.documentElement.classList.toggle('dark', dark),
            isDark,
          )
          for (const each of await violationsOf(page, 'body', 'color-contrast')) {
            found.push(`${path}: ${each}`)
          }
        }
      }
      expect(found).toEqual([])
    },
    LIMIT_MS,
  )
}
