/** The page of exercise 1 in browsers, as static files below a path. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory, freshDirectory, written } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../../scripts/course-bundle.mjs'
import { BROWSERS, type OpenOptions, TestBrowser } from '../../../web/test/support/web/browser.ts'
import type { Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'
import type { Checked } from '../support/browser-checks.ts'
import { StaticSite } from '../support/static-site.ts'

const NAME = '01-drop'
const VNET = join(COURSE, '../../../dist/vnet.js')
const directory = fileDirectory()
const drivers = freshDirectory()
const read = (file: string) => readFileSync(join(COURSE, NAME, file), 'utf8')
const [skeleton, solution] = [read('drop.js'), read('solution.js')]
const headings = [...read('README.md').matchAll(/^## (.*)$/gm)].map(([, text = ''], i) => ({
  id: `section-${i}`,
  text,
}))

beforeAll(async () => {
  await bundleCourse(directory, { page: join(import.meta.dirname, '../support/exercise-page.ts') })
  written(directory, 'exercise.json', JSON.stringify({ name: NAME, driver: 'drop.js', skeleton }))
  written(directory, 'README.md', read('README.md'))
  const sections = headings.map(({ id, text }) => `<h2 id="${id}">${text}</h2>`).join('')
  const head =
    '<!doctype html><html lang="en"><title>1</title><meta charset="utf-8"><style>textarea { max-height: 300px }</style>'
  const body = `<main>${sections}</main><section></section><script type="module" src="page.js"></script>`
  written(directory, 'index.html', head + body)
})

const editor = (page: Page) => page.getByRole('textbox', { name: 'drop.js' })
const status = (page: Page) => page.getByRole('status')
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

/** Checks, and returns the list of verdicts as text. */
async function verdictsOf(page: Page): Promise<string[]> {
  await press(page, 'Check')
  await status(page).getByText(`${NAME}: `).waitFor()
  return page.locator('.verdicts li').allInnerTexts()
}

/** Returns the text with which the exercise has passed; null if it has not. */
const passedOf = (page: Page) =>
  page.evaluate(name => localStorage.getItem(`vnet-learn/${name}/passed`), NAME)

/** Returns the results of Node. */
function inNode(text: string): readonly Result[] {
  const script = join(import.meta.dirname, '../support/check-in-node.mjs')
  const cases = written(
    drivers,
    'cases.json',
    JSON.stringify([{ name: NAME, exercise: NAME, text }]),
  )
  const output = execFileSync(process.execPath, [script, drivers, cases], { encoding: 'utf8' })
  return (JSON.parse(output) as Checked[])[0]!.results
}

describe.each(BROWSERS)('%s', browserName => {
  const browser = new TestBrowser({ name: browserName })
  const site = new StaticSite(directory, '/some/site/')
  const open = (fragment = '', options?: OpenOptions) => site.open(browser, fragment, options)

  beforeAll(() => site.listen())

  test('the skeleton fails with the texts of Node, a link to the section, and its line', async () => {
    const page = await open()
    const verdicts = await verdictsOf(page)
    const results = inNode(skeleton)
    const failed = results.find(({ result }) => result === 'failed')!
    const shown = verdicts.find(text => text.startsWith('FAILED'))
    for (const text of [failed.title, failed.seen, failed.expected, failed.read]) {
      expect(shown).toContain(text)
    }
    expect(verdicts.slice(0, results.length).map(text => text.split('\n')[0])).toEqual(
      results.map(({ title, result, why }) =>
        result === 'not run'
          ? `not run ${title}: ${why}`
          : `${result === 'passed' ? 'ok' : 'FAILED'} ${title}`,
      ),
    )
    expect(verdicts.at(-1)).toBe(
      'not run live: ip shows the interface, up and without ARP: an earlier check failed',
    )
    const href = `#${headings.find(({ text }) => text === failed.read)?.id}`
    expect(await page.locator('.verdicts').getByRole('link').getAttribute('href')).toBe(href)
    await press(page, 'drop.js:11')
    const at = await editor(page).evaluate(area => (area as HTMLTextAreaElement).selectionStart)
    expect(skeleton.slice(0, at).split('\n')).toHaveLength(11)
    expect(await status(page).textContent()).toContain(
      `FAILED ${failed.title}. Seen: ${failed.seen}.`,
    )
  })

  test('the solution passes, shows the next step, and is kept', async () => {
    const page = await open()
    await editor(page).fill(solution)
    await editor(page).press('Control+Enter')
    await status(page).getByText('5 passed, 2 not run').waitFor()
    expect(await page.locator('.verdicts li').allInnerTexts()).toContain(
      'not run live: no ping gets a reply, and each is counted as dropped: a browser has no network interfaces',
    )
    const real = page.getByRole('heading', { name: 'Now on a real interface' })
    const next = page.getByRole('link', { name: 'Next exercise' })
    await real.waitFor()
    await next.waitFor()
    await page.getByText(`node dist/vnet.js check ${NAME}`).waitFor()
    await page.reload()
    await real.waitFor()
    await next.waitFor()
    expect(await editor(page).inputValue()).toBe(solution)
    await editor(page).press('End')
    await editor(page).press('x')
    await real.waitFor({ state: 'hidden' })
    await next.waitFor({ state: 'hidden' })
    const mine = await editor(page).inputValue()
    await press(page, 'Reset')
    expect(await editor(page).inputValue()).toBe(skeleton)
    await press(page, 'Undo')
    expect(await editor(page).inputValue()).toBe(mine)
    await press(page, 'Reset')
    await page.reload()
    await editor(page).waitFor()
    expect(await editor(page).inputValue()).toBe(skeleton)
  })

  test('the editor opens at the first task, and the page stays at its top', async () => {
    const page = await open()
    const long = `${'// a line above\n'.repeat(80)}${skeleton}`
    await editor(page).fill(long)
    await page.reload()
    await expect.poll(() => editor(page).inputValue()).toBe(long)
    const [scrolled, distance, height] = await editor(page).evaluate(area => {
      const lines = (area as HTMLTextAreaElement).value.split('\n')
      const task = lines.findIndex(line => line.includes('// TODO 1'))
      const y = (task * area.scrollHeight) / lines.length
      return [area.scrollTop, y - area.scrollTop, area.clientHeight] as const
    })
    expect(scrolled).toBeGreaterThan(0)
    expect(distance).toBeGreaterThan(0)
    expect(distance).toBeLessThan(height / 2)
    expect(await page.evaluate(() => scrollY)).toBe(0)
  })

  test('a driver that does not return is ended', async () => {
    const page = await open()
    await editor(page).fill(solution.replace('skb.drop()', 'for (;;);'))
    const verdicts = await verdictsOf(page)
    expect(verdicts.join('\n')).toContain(
      'startXmit (drop.js:18) has not returned for 5 s: a loop without end',
    )
  })

  test('checks that do not load say nothing about the driver', async () => {
    const page = await open('', { expected: /ERR_FAILED/ })
    await page.route('**/check-worker.js', route => route.abort())
    await press(page, 'Check')
    await status(page).getByText(`Not checked: the checks of ${NAME} ended: `).waitFor()
    expect(await page.locator('.verdicts li').count()).toBe(0)
  })

  test('a playground that does not load says why, and loads when Run is pressed again', async () => {
    const page = await open()
    await press(page, 'Run')
    await page.getByRole('alert').getByText('The playground does not load: no network.').waitFor()
    await press(page, 'Run')
    await page.getByText('drop.js runs').waitFor()
  })

  test('the first line of a driver is reached from the verdict that names it', async () => {
    const page = await open()
    await editor(page).fill(`throw new Error('away'); ${solution}`)
    await verdictsOf(page)
    await press(page, 'drop.js:1:7')
    const at = await editor(page).evaluate(area => (area as HTMLTextAreaElement).selectionStart)
    expect(at).toBe(0)
  })

  test('a link holds a driver, and leaves the one of the visitor', async () => {
    const permissions = { permissions: ['clipboard-read', 'clipboard-write'] }
    const page = await open('', permissions)
    await editor(page).fill(solution)
    await press(page, 'Copy a link')
    await status(page).getByText('The link is copied').waitFor()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    expect(link).toMatch(new RegExp(`^${site.address}#driver=[\\w-]+$`))

    const fresh = await open(new URL(link).hash)
    await expect.poll(() => editor(fresh).inputValue()).toBe(solution)
    // It is not the visitor's yet, and neither is what it passes.
    await verdictsOf(fresh)
    expect(await passedOf(fresh)).toBeNull()
    await press(fresh, 'Make it mine')
    expect(fresh.url()).toBe(site.address)
    await verdictsOf(fresh)
    expect(await passedOf(fresh)).toBe(solution)

    const mine = `${solution}// mine\n`
    await editor(page).fill(mine)
    await page.goto(link)
    await press(page, 'Reset')
    await press(page, 'Undo')
    expect(await editor(page).inputValue()).toBe(mine)
    await page.goto(link)
    await press(page, 'Back to mine')
    expect(await editor(page).inputValue()).toBe(mine)
    await page.goto(link)
    await press(page, 'Replace mine')
    await page.reload()
    await expect.poll(() => editor(page).inputValue()).toBe(solution)

    const damaged = await open('#driver=AAAA')
    await status(damaged).getByText('The driver of this link is damaged.').waitFor()
    expect(await editor(damaged).inputValue()).toBe(skeleton)
  })

  test('a check ends when its driver is replaced, and says nothing about the new one', async () => {
    const fragment = await open().then(async page => {
      await editor(page).fill(solution)
      await page.evaluate(() => Reflect.deleteProperty(Navigator.prototype, 'clipboard'))
      await press(page, 'Copy a link')
      await status(page).getByText('The address of this page is the link now').waitFor()
      return new URL(page.url()).hash
    })
    const page = await open()
    const mine = `${skeleton}// mine\n`
    await editor(page).fill(mine)
    await page.goto(site.address + fragment)
    const asked = page.waitForRequest('**/check-worker.js')
    let load = (): void => {}
    await page.route('**/check-worker.js', route => {
      load = () => void route.continue()
    })
    await press(page, 'Check')
    await asked
    await press(page, 'Back to mine')
    await page.locator('iframe').waitFor({ state: 'detached' })
    load()
    expect([await editor(page).inputValue(), await status(page).textContent()]).toEqual([mine, ''])
    expect(await passedOf(page)).toBeNull()
  })

  test('Undo gives back what was written since, and a link what another tab has written', async () => {
    const page = await open()
    await editor(page).fill(solution)
    await press(page, 'Reset')
    await editor(page).fill('since')
    await press(page, 'Undo')
    expect(await editor(page).inputValue()).toBe(solution)
    await press(page, 'Undo')
    expect(await editor(page).inputValue()).toBe('since')
    await page.goto(`${site.address}#driver=y09TSFTIyczLBgA`)
    const other = await page.context().newPage()
    await other.goto(site.address)
    await editor(other).fill('of the other tab')
    await press(page, 'Back to mine')
    expect(await editor(page).inputValue()).toBe('of the other tab')
  })

  test('a driver is downloaded in the folder that vnet check takes, and opened from it', async () => {
    const page = await open()
    await editor(page).fill(solution)
    const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Download')])
    expect(download.suggestedFilename()).toBe(`${NAME}.zip`)
    const zip = await download.path()
    const unpacked = join(drivers, 'unpacked')
    execFileSync('python3', ['-m', 'zipfile', '-e', zip, unpacked])
    const folder = join(unpacked, NAME)
    expect(readdirSync(folder).sort()).toEqual([
      'README.md',
      'drop.js',
      'jsconfig.json',
      'package.json',
    ])
    for (const [file, text] of Object.entries({
      'drop.js': solution,
      'README.md': read('README.md'),
    })) {
      expect(readFileSync(join(folder, file), 'utf8')).toBe(text)
    }
    const checked = execFileSync(process.execPath, [VNET, 'check', '--memory-only', folder], {
      encoding: 'utf8',
    })
    expect(checked).toContain(`${NAME}: 5 passed, 2 not run`)

    // Another program compresses it.
    const compressed = join(drivers, 'compressed.zip')
    execFileSync('python3', ['-m', 'zipfile', '-c', compressed, folder])
    for (const file of [zip, compressed, join(folder, 'drop.js')]) {
      await press(page, 'Reset')
      expect(await editor(page).inputValue()).toBe(skeleton)
      const name = file === zip ? 'drop.zip' : basename(file)
      const mimeType = 'application/octet-stream'
      await page
        .locator('input[type=file]')
        .setInputFiles({ name, mimeType, buffer: readFileSync(file) })
      await status(page).getByText(`drop.js has the text of ${name}.`).waitFor()
      expect(await editor(page).inputValue()).toBe(solution)
    }
  })

  test('a file that does not open leaves the driver', async () => {
    const page = await open()
    const zip = {
      name: 'text.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from('no zip file'),
    }
    await page.locator('input[type=file]').setInputFiles(zip)
    await status(page).getByText('text.zip does not open: invalid zip data').waitFor()
    expect(await editor(page).inputValue()).toBe(skeleton)
  })

  test('no page asks for anything outside of the site', () => {
    expect(site.asked).toEqual({
      own: expect.arrayContaining([`${site.address}check-worker.js`]),
      others: [],
    })
  })
})
