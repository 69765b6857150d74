/** The exercises and the playground on the site, as `npm run docs` builds it, in Chromium. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { writeServiceWorker } from '../../../../scripts/offline-site.mjs'
import { fileDirectory } from '../../../../test/support/fresh-directory.ts'
import { DESKTOP, type OpenOptions, PHONE, TestBrowser } from '../../../web/test/support/web/browser.ts'
import { fragmentOf } from '../../src/browser/kept-driver.ts'
import { COURSE, courseNames } from '../../src/folder.ts'
import { StaticSite } from '../support/static-site.ts'

/** The build takes 40 s on two cores. */
const LIMIT_MS = 600_000
const BASE = '/some/site/'
const ROOT = join(COURSE, '../../..')
const directory = fileDirectory()
const solution = readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const browser = new TestBrowser()
const site = new StaticSite(directory, BASE)

beforeAll(async () => {
  const env = { ...process.env, VNET_DOCS_BASE: BASE }
  const args = ['run', 'docs', '--', '--outDir', directory]
  execFileSync('npm', args, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'], timeout: LIMIT_MS })
  await site.listen()
}, LIMIT_MS)

/** Returns the page once it has an editor with the types of vnet. */
async function open(name: string, options?: OpenOptions, fragment = ''): Promise<Page> {
  const page = await site.open(browser, `learn/${name}.html${fragment}`, options)
  await page.locator('.cm-editor[data-types]').waitFor()
  return page
}

const editor = (page: Page, driver = 'drop.js') => page.getByRole('textbox', { name: driver })
const status = (page: Page) => page.getByRole('status')
const isFocused = (page: Page, text: string) =>
  expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe(text)

async function typeSolution(page: Page): Promise<void> {
  await editor(page).focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(solution)
}

test('the skeleton of each exercise is checked on its page, and fails', async () => {
  for (const name of courseNames()) {
    const page = await open(name)
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

test('the editor marks the line of a failure, until the next check passes', async () => {
  const page = await open('01-drop')
  await editor(page).press('Control+Enter')
  await page.locator('.cm-lintRange-error').getByText('function startXmit(skb, dev) {').waitFor()
  await page.getByRole('button', { name: 'drop.js:11' }).click()
  await page.keyboard.insertText('/* here */')
  await editor(page).getByText('/* here */function startXmit').waitFor()
  await typeSolution(page)
  await editor(page).press('Control+Enter')
  await status(page).getByText('5 passed, 2 not run').waitFor()
  expect(await page.locator('.cm-lintRange-error').count()).toBe(0)
  await page.getByRole('heading', { name: 'Now on a real interface' }).waitFor()
})

test('Tab indents, and leaves the editor after Escape', async () => {
  const page = await open('01-drop')
  await editor(page).press('Tab')
  await editor(page).getByText('  // @ts-check').waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Tab')
  await isFocused(page, 'Check')
})

test('members and names of vnet are completed, and a name is imported', async () => {
  const page = await open('01-drop')
  const list = page.getByRole('listbox', { name: 'Completions' })
  await editor(page).getByText('// TODO 4: no ARP.').click()
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await page.keyboard.type('dev.mt')
  await list.getByRole('option', { name: 'mtu', exact: true }).waitFor()
  await page.locator('.explanation').getByText('mtu: number').waitFor()
  await page.keyboard.press('Escape')
  await list.waitFor({ state: 'hidden' })
  await page.keyboard.press('Control+Space')
  // The editor takes no Enter for a moment after the list has opened.
  await list.getByRole('option', { name: 'mtu', exact: true }).click()
  await page.keyboard.type(' & IFF_NOA')
  await list.getByRole('option', { name: 'IFF_NOARP' }).click()
  await editor(page).getByText('dev.mtu & IFF_NOARP').waitFor()
  await editor(page).getByText("import { IFF_NOARP, allocEtherdevMqs, defineDriver } from 'vnet'").waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Tab')
  await isFocused(page, 'Check')
})

test('the pointer explains a name', async () => {
  const page = await open('01-drop')
  await editor(page).getByText('defineDriver', { exact: true }).first().hover()
  await page.locator('.explanation').getByText('function defineDriver').waitFor()
})

test('an exercise has 150 kB at most before its editor, and 350 kB with it', async () => {
  const page = await open('01-drop')
  await page.waitForLoadState('networkidle')
  const loaded = (await page.evaluate(() =>
    performance.getEntries().flatMap(each => ('encodedBodySize' in each ? [new URL(each.name).pathname] : [])),
  )) as string[]
  const files = loaded.map(path => path.slice(BASE.length)).filter(path => existsSync(join(directory, path)))
  const kilobytes = (which: readonly string[]) =>
    which.reduce((sum, path) => sum + gzipSync(readFileSync(join(directory, path))).length, 0) / 1000
  const editors = files.filter(path => /code-mirror|types\.json/.test(path))
  expect(editors).toHaveLength(2)
  expect(kilobytes(files.filter(path => !editors.includes(path)))).toBeLessThan(150)
  expect(kilobytes(files)).toBeLessThan(350)
})

test('a link with a driver leads to the editor', async () => {
  const page = await open('01-drop', { viewport: PHONE }, await fragmentOf(`// shared\n${solution}`))
  const line = editor(page).getByText('// shared')
  await expect.poll(async () => (await line.boundingBox())?.y).toBeLessThan(PHONE.height)
  expect((await line.boundingBox())?.y).toBeGreaterThan(0)
})

test('lists of exercises mark those that have passed, here and in other tabs', async () => {
  const page = await open('01-drop')
  const other = await page.context().newPage()
  await other.goto(`${site.address}learn/course.html`)
  const passed = (of: Page, list: string) =>
    of.locator(`${list} a[data-passed]`).evaluateAll(links => links.map(link => (link as HTMLAnchorElement).pathname))
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
  const page = await open('01-drop')
  await page.locator('.pager-link.next').click()
  await editor(page, 'mirror.js').waitFor()
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await status(page)
    .getByText(/^02-mirror: /)
    .waitFor()
})

const looks = [PHONE, DESKTOP, { width: 1600, height: 900 }].flatMap(viewport =>
  (['light', 'dark'] as const).map(colorScheme => ({ viewport, colorScheme })),
)

test.each(looks)('an exercise breaks no rule of axe, and fits, for %o', async look => {
  const page = await open('01-drop', look)
  for (const isSolved of [false, true]) {
    if (isSolved) await typeSolution(page)
    await editor(page).press('Control+Enter')
    await status(page)
      .getByText(isSolved ? '5 passed' : '1 failed')
      .waitFor()
    await page.evaluate(axe)
    // The rest of the page is the theme's.
    const { violations } = (await page.evaluate('axe.run(".exercise", { resultTypes: ["violations"] })')) as AxeResults
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.viewport.width)
  }
})

test('a driver of an exercise runs beside its editor, and again with its changes', async () => {
  const page = await open('01-drop')
  expect(site.asked.own.filter(url => /picture\.[\w-]+\.js/.test(url))).toEqual([])
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByLabel(/^The path of frames through drop0/).waitFor()
  await typeSolution(page)
  await editor(page).press('Control+Enter')
  await page.getByRole('row', { name: /^drop0 tx .*[1-9]\d* NOT_SPECIFIED/ }).waitFor()
  await page.locator('.exercise .picture-place').scrollIntoViewIfNeeded()
  await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run(".exercise", { resultTypes: ["violations"] })')) as AxeResults
  expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([])
})

const PICTURE = /^The path of frames through/

test.each([PHONE, DESKTOP])('the front page shows frames that move above the fold, for %o', async viewport => {
  const page = await site.open(browser, '', { viewport })
  const dots = page.locator('.frame-dot')
  const isAbove = async () => {
    const boxes = await dots.evaluateAll(all => all.map(dot => dot.getBoundingClientRect().top))
    return boxes.some(top => top > 0 && top < viewport.height)
  }
  await page.getByLabel(PICTURE).waitFor()
  await expect.poll(isAbove).toBe(true)
  expect((await page.getByLabel(PICTURE).boundingBox())?.y).toBeLessThan(viewport.height / 1.5)
})

test('the playground loses frames on a wire, reports a ping, and saves a capture', async () => {
  const page = await site.open(browser, 'playground.html')
  await page.getByLabel(PICTURE).waitFor()
  await page.getByRole('button', { name: 'loss 50%' }).click()
  await page.getByRole('button', { name: 'Ping' }).click()
  await page.getByRole('log').getByText('5 sent').waitFor()
  await page.getByRole('link', { name: 'Frames', exact: true }).click()
  await page
    .getByRole('row', { name: /stage 1 loss 50%/ })
    .first()
    .waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download pcapng' }).click(),
  ])
  expect(readFileSync(await download.path()).readUInt32LE()).toBe(0x0a0d0d0a)
})

test.each(looks)('the playground breaks no rule of axe, and fits, for %o', async look => {
  for (const path of ['', 'playground.html']) {
    const page = await site.open(browser, path, look)
    await page.getByLabel(PICTURE).waitFor()
    for (const tab of path === '' ? [''] : ['Hands on', 'Frames', 'Step']) {
      if (tab !== '') await page.locator('.picture').getByRole('link', { name: tab, exact: true }).click()
      await page.evaluate(axe)
      const { violations } = (await page.evaluate(
        'axe.run(".playground", { resultTypes: ["violations"] })',
      )) as AxeResults
      const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
      expect([path, tab, ...found]).toEqual([path, tab])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.viewport.width)
    }
  }
})

test('the site works without its server after one visit, until a new version replaces it', async () => {
  const page = await open('01-drop', { expected: /ERR_CONNECTION_REFUSED/ })
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready
    if (active?.state === 'activating') await new Promise(resolve => active.addEventListener('statechange', resolve))
  })
  const versions = () => page.evaluate(() => caches.keys())
  const [first] = await versions()
  site.stop()
  for (const name of ['01-drop', '05-napi']) {
    await page.goto(`${site.address}learn/${name}.html`)
    await page.locator('.cm-editor[data-types]').waitFor()
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await status(page)
      .getByText(new RegExp(`^${name}: \\d+ passed, 1 failed, `))
      .waitFor()
  }

  const next = fileDirectory()
  cpSync(directory, next, { recursive: true })
  const changed = join(next, 'learn/05-napi.html')
  writeFileSync(changed, readFileSync(changed, 'utf8').replace('</body>', '<p>the next version</p></body>'))
  writeServiceWorker(next)
  await site.listen(next)
  await page.reload()
  await expect.poll(versions).toEqual([expect.not.stringMatching(new RegExp(`^${first}$`))])
  await page.reload()
  await page.getByText('the next version').waitFor()
  site.stop()
  await page.reload()
  await page.getByText('the next version').waitFor()
  await site.listen(directory)
})

test('a page that is opened as a file says that it needs a server', async () => {
  const page = await browser.open(pathToFileURL(join(directory, 'learn/01-drop.html')).href, { expected: /ERR_|CORS/ })
  await page.getByText('These pages need a web server').waitFor()
})

test('no page asks for anything outside of the site', () => {
  expect(site.asked).toEqual({
    own: expect.arrayContaining(['check-worker.js', 'playground-worker.js'].map(name => expect.stringContaining(name))),
    others: [],
  })
})
