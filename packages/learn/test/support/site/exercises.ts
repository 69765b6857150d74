/** Tests of the pages of exercises: checks, progress, links and the picture. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { exerciseOf, solutionOf } from '#support/course.ts'
import { PHONE } from '../../../../web/test/support/web/browser.ts'
import { fragmentOf } from '../../../src/browser/kept-driver.ts'
import { courseNames } from '../../../src/folder.ts'
import {
  editor,
  editorIn,
  solution,
  status,
  typeSolution,
  type Visit,
  violationsOf,
} from './visit.ts'

const ALL = courseNames().length

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
    await other.goto(`${visit.site.address}learn/exercises.html`)
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

  test('the list of exercises shows the progress, and leads to where a visitor continues', async () => {
    const page = await visit.page('learn/exercises.html')
    const progress = page.locator('.course-progress')
    await progress.getByText(`0 of ${ALL} exercises have passed in this browser.`).waitFor()
    const pass = (name: string) =>
      page.evaluate(key => localStorage.setItem(key, ''), `vnet-learn/${name}/passed`)
    await pass('01-drop')
    await page.reload()
    await progress.getByText(`1 of ${ALL} exercises have`).waitFor()
    await progress.getByRole('link', { name: 'Next: 2. A mirror' }).click()
    await editor(page, 'mirror.js').focus()
    await page.keyboard.press('Control+End')
    await page.keyboard.insertText('// begun')
    await page.getByRole('navigation', { name: 'Main' }).getByText('Exercises').click()
    await progress.getByRole('link', { name: 'Continue with 2. A mirror' }).waitFor()
    await page.locator('.vp-doc td a[data-begun]').waitFor()
    expect(await violationsOf(page, 'main')).toEqual([])
    for (const name of courseNames()) {
      await pass(name)
    }
    await page.reload()
    await progress.getByText(`${ALL} of ${ALL} exercises have`).waitFor()
    expect(await progress.getByRole('link').count()).toBe(0)
  })

  test('the editor loads when the visitor comes to it, and a check does not wait for it', async () => {
    const page = await visit.page('learn/01-drop.html', { viewport: PHONE })
    const loaded: string[] = []
    page.on('request', request => {
      const [, name = ''] = /\/(code-mirror|check-worker)\b[^/]*\.js$/.exec(request.url()) ?? []
      loaded.push(...[name].filter(Boolean))
    })
    await page.locator('.exercise textarea').waitFor()
    // Another part of the page that loads when nothing else is to be done.
    await page.evaluate(() => navigator.serviceWorker.ready)
    expect(loaded).toEqual([])
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await status(page).getByText('01-drop: ').waitFor()
    await editorIn(page)
    expect(loaded.filter((name, i) => loaded.indexOf(name) === i)).toEqual([
      'check-worker',
      'code-mirror',
    ])
  })

  test('the list of pages opens at the exercise, and the editor at its first task', async () => {
    const page = await visit.exercise('21-udp', { viewport: { width: 1600, height: 900 } })
    const entry = page.locator('.VPSidebar .is-active a')
    await expect.poll(async () => (await entry.boundingBox())?.y).toBeLessThan(800)
    expect((await entry.boundingBox())?.y).toBeGreaterThan(64)
    expect(await entry.textContent()).toMatch(/^21\. UDP/)
    const task = editor(page, 'udp.js').getByText('// TODO 1')
    const opensAtTask = async () => {
      const { y: top = 0, height = 0 } = (await page.locator('.cm-editor').boundingBox()) ?? {}
      await expect
        .poll(async () => ((await task.boundingBox())?.y ?? -1) - top)
        .toBeLessThan(height / 2)
      expect(((await task.boundingBox())?.y ?? -1) - top).toBeGreaterThan(0)
      expect(await page.evaluate(() => scrollY)).toBe(0)
    }
    await opensAtTask()
    // Firefox would scroll the editor to where it was, of which CodeMirror warns.
    await page.reload()
    await editorIn(page)
    await opensAtTask()
  })

  test('the page moves neither on a phone when its editor opens at the first task', async () => {
    const page = await visit.page('learn/03-ring.html', { viewport: PHONE })
    await page.locator('.exercise .editor').scrollIntoViewIfNeeded()
    const before = await page.evaluate(() => scrollY)
    await expect
      .poll(() => page.locator('.cm-scroller').evaluate(({ scrollTop }) => scrollTop))
      .toBeGreaterThan(0)
    expect(await page.evaluate(() => scrollY)).toBe(before)
  })

  test('an exercise that has passed leads to the next one, and the last one to the list', async () => {
    const page = await visit.exercise('01-drop')
    await typeSolution(page)
    await editor(page).press('Control+Enter')
    await page
      .locator('.bar')
      .getByRole('link', { name: /^Next exercise: 2\. A mirror/ })
      .click()
    await editor(page, 'mirror.js').waitFor()
    const name = courseNames().at(-1) ?? ''
    const { driver } = await exerciseOf(name)
    const last = await visit.exercise(name)
    const text = solutionOf(name)
    await editor(last, driver).focus()
    await last.keyboard.press('Control+a')
    await last.keyboard.insertText(text)
    await editor(last, driver).press('Control+Enter')
    await last.locator('.bar').getByRole('link', { name: 'All exercises' }).click()
    await last.locator('.course-progress').getByText(`1 of ${ALL} exercises have`).waitFor()
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
