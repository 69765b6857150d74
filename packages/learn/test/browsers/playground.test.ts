/** The playground in browsers, with the worker, and with one whose frames are made up. */
import { copyFileSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { bundleCourse } from '../../../../scripts/course-bundle.mjs'
import { BROWSERS, type OpenOptions, TestBrowser } from '../../../web/test/support/web/browser.ts'
import { StaticSite } from '../support/static-site.ts'

const directory = fileDirectory()
const support = (name: string) => join(import.meta.dirname, `../support/${name}.ts`)

beforeAll(async () => {
  const pages = ['mounted-playground', 'fake-playground-worker']
  await bundleCourse(directory, Object.fromEntries(pages.map(name => [name, support(name)])))
  const page = join(import.meta.dirname, '../../../web/src/page')
  const playground = join(import.meta.dirname, '../../src/browser/playground')
  for (const file of [
    join(page, 'style.css'),
    join(page, 'palette.css'),
    join(playground, 'sample.js'),
  ]) {
    copyFileSync(file, join(directory, basename(file)))
  }
  const head = '<!doctype html><html lang="en"><title>Playground</title><meta charset="utf-8">'
  written(
    directory,
    'index.html',
    `${head}<link rel="stylesheet" href="palette.css"><section></section><script type="module" src="mounted-playground.js"></script>`,
  )
})

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
const line = (page: Page, text: string | RegExp) => page.getByRole('log').getByText(text).waitFor()

const styles = (page: Page) =>
  page.locator('.frame-dot').evaluateAll(dots => dots.map(dot => dot.getAttribute('style')))

/** Resolves when the browser has drawn the page a few times. */
const drawn = (page: Page) =>
  page.evaluate(async () => {
    for (let i = 0; i < 5; i++) {
      await new Promise(resolve => requestAnimationFrame(resolve))
    }
  })

async function staysStill(page: Page): Promise<void> {
  await page.locator('.canvas.still').waitFor()
  const before = await styles(page)
  expect(before).not.toEqual([])
  await drawn(page)
  expect(await styles(page)).toEqual(before)
}

async function moves(page: Page): Promise<void> {
  await page.locator('.canvas:not(.still)').waitFor()
  const before = await styles(page)
  await expect.poll(() => styles(page)).not.toEqual(before)
}

const setHidden = (page: Page, isHidden: boolean) =>
  page.evaluate(hidden => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, isHidden)

describe.each(BROWSERS)('%s', name => {
  const browser = new TestBrowser({ name })
  const site = new StaticSite(directory, '/some/site/')
  beforeAll(() => site.listen())

  async function open(query = '?fake', options?: OpenOptions): Promise<Page> {
    const page = await site.open(browser, query, options)
    await page.getByLabel(/^The path of frames through/).waitFor()
    return page
  }

  test('frames move from the start, and a lost one falls with its reason', async () => {
    const page = await open()
    await page.locator('.frame-dot').first().waitFor({ state: 'attached' })
    await page.locator('.frame-dot.drop').getByText('loss 10%').first().waitFor()
    await page.getByRole('link', { name: 'Frames' }).click()
    await page
      .getByRole('row', { name: /wire ab, stage 2 loss 10%/ })
      .first()
      .waitFor()
  })

  test('a picture that does not load is a line of the log', async () => {
    const page = await site.open(browser, '?broken')
    await line(page, 'The picture does not load: no network. Load the page again.')
  })

  test('a start, a ping and its result are lines of the log', async () => {
    const page = await open()
    await line(page, 'run 1: cable')
    await press(page, 'Ping')
    await line(page, 'ping: started')
    await line(page, 'ping 198.18.0.2: 5 sent, 4 received')
    await press(page, 'Start again')
    await line(page, 'run 2: cable')
  })

  test('a button sets the wire, and a wrong text of a wire shows where it is wrong', async () => {
    const page = await open()
    await press(page, 'loss 50%')
    await page.locator('.text-now').getByText('loss 50%').waitFor()
    await page.getByLabel('Text of the wire').fill('los 5%')
    const error = page.locator('.wire-form [role=alert]').filter({ hasText: 'unknown stage los' })
    await error.waitFor()
    expect(await error.locator('pre').textContent()).toBe('  los 5%\n  ^^^')
  })

  test('a driver without a wire has no buttons for one', async () => {
    const page = await open('')
    const wire = page.getByRole('button', { name: 'loss 50%', exact: true })
    expect(await wire.isEnabled()).toBe(true)
    const driver = page.getByRole('combobox', { name: 'Driver' })
    await driver.selectOption('loop')
    await page.getByTitle('This driver has no wire.').waitFor()
    expect(await wire.isDisabled()).toBe(true)
    await driver.selectOption('cable')
    await expect.poll(() => wire.isEnabled()).toBe(true)
  })

  test('the flow stops and starts, and so does the time', async () => {
    const page = await open()
    for (const name of ['Flow', 'Pause']) {
      const toggle = page.getByRole('button', { name, exact: true })
      const before = await toggle.getAttribute('aria-pressed')
      await toggle.click()
      expect([name, await toggle.getAttribute('aria-pressed')]).toEqual([
        name,
        `${before === 'false'}`,
      ])
    }
  })

  test('a pause freezes frames, which continue from the same place', async () => {
    const page = await open()
    await page.locator('.frame-dot').first().waitFor({ state: 'attached' })
    await press(page, 'Pause')
    await staysStill(page)
    await press(page, 'Pause')
    await moves(page)
  })

  test('a hidden page is paused', async () => {
    const page = await open()
    await page.locator('.frame-dot').first().waitFor({ state: 'attached' })
    await setHidden(page, true)
    await staysStill(page)
    await setHidden(page, false)
    await moves(page)
  })

  test('a picture that is scrolled away is not drawn', async () => {
    const page = await open()
    await page.locator('.frame-dot').first().waitFor({ state: 'attached' })
    await page.evaluate(() => {
      document.body.style.paddingBottom = '3000px'
      scrollTo(0, 3000)
    })
    await staysStill(page)
    await page.evaluate(() => scrollTo(0, 0))
    await moves(page)
  })

  test('step by step shows the view of the steps, and the button follows the vnet', async () => {
    const page = await open()
    await press(page, 'Step by step')
    const pressed = page.locator('button[aria-pressed=true]', { hasText: 'Step by step' })
    await pressed.waitFor()
    await page.getByRole('button', { name: 'Let frames pass' }).click()
    await pressed.waitFor({ state: 'hidden' })
  })

  test('the download is a pcapng file', async () => {
    const page = await open()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      press(page, 'Download pcapng'),
    ])
    expect(download.suggestedFilename()).toBe('playground.pcapng')
    expect(readFileSync(await download.path()).readUInt32BE()).toBe(0x0a0d0d0a)
  })

  test('a driver that does not return is ended, and starts again', async () => {
    const page = await open()
    await page.getByLabel('Text of the wire').fill('hang')
    await line(page, 'The driver has not returned for 5 s')
    await page.locator('.ended').waitFor()
    await press(page, 'Start again')
    await page.locator('.ended').waitFor({ state: 'detached' })
    await page.locator('.frame-dot').first().waitFor({ state: 'attached' })
  })

  test.each([
    ['sends lines without end', 'flood', /^The driver logs lines without end\. It was stopped\.$/],
    [
      'logs in a loop, slowly',
      'log',
      /^The driver has not returned for 5 s: a loop without end\. It was stopped\.$/,
    ],
  ])('a worker that %s is ended, and the page works', async (_, text, expected) => {
    const page = await open()
    await page.getByLabel('Text of the wire').fill(text)
    await line(page, expected)
    await press(page, 'Start again')
    await line(page, 'run 2: cable')
  })

  test('a thousand lines of the log lay out the page a few times only', async () => {
    const page = await open()
    await page.evaluate(() => {
      const inherited = Object.getOwnPropertyDescriptor(Element.prototype, 'scrollHeight')!
      const log = document.querySelector('[role=log]')!
      document.body.dataset.layouts = '0'
      Object.defineProperty(log, 'scrollHeight', {
        get() {
          document.body.dataset.layouts = `${Number(document.body.dataset.layouts) + 1}`
          return inherited.get!.call(log)
        },
      })
    })
    await page.getByLabel('Text of the wire').fill('flood')
    await line(page, 'The driver logs lines without end. It was stopped.')
    const layouts = await page.evaluate(() => Number(document.body.dataset.layouts))
    expect(layouts).toBeGreaterThan(0)
    expect(layouts).toBeLessThan(500)
  })

  test('a worker that does not load is reported', async () => {
    const page = await open('?fake', { expected: /ERR_FAILED/ })
    await page.route('**/fake-playground-worker.js', route => route.abort())
    await page.getByRole('button', { name: 'Start again' }).click()
    await line(page, /^The driver has ended: .*fake-playground-worker.js does not load\.$/)
  })

  test('a driver of the visitor runs when it is chosen', async () => {
    const page = await open('')
    await page.getByRole('combobox', { name: 'Driver' }).selectOption('own')
    await page.getByLabel('The path of frames through own0').waitFor()
  })

  test('a driver of the visitor is kept until it is reset', async () => {
    const page = await open('')
    const choose = () => page.getByRole('combobox', { name: 'Driver' }).selectOption('own')
    const text = page.getByLabel('The text of your driver')
    // The picture has a button of this name, too.
    const pressOwn = (name: string) =>
      page.getByRole('group', { name: 'Your driver' }).getByRole('button', { name }).click()
    await choose()
    const sample = await text.inputValue()
    await text.fill('// mine')
    await page.reload()
    await choose()
    expect(await text.inputValue()).toBe('// mine')
    await pressOwn('Reset')
    await pressOwn('Undo')
    expect(await text.inputValue()).toBe('// mine')
    await pressOwn('Reset')
    await page.reload()
    await choose()
    expect(await text.inputValue()).toBe(sample)
  })

  test('a driver of the visitor runs, and an error in its text is a line of the log', async () => {
    const page = await open('')
    await page.getByRole('combobox', { name: 'Driver' }).selectOption('own')
    const text = page.getByLabel('The text of your driver')
    await press(page, 'Run')
    await page.getByLabel('The path of frames through own0').waitFor()
    await page.getByRole('row', { name: /^own0 tx .*NOT_SPECIFIED/ }).waitFor()
    await text.fill('export const driver = )')
    await text.press('Control+Enter')
    await line(page, /driver\.js.*SyntaxError.*1:23/)
  })

  test.each([
    ['fetch', "fetch('leaked')", /driver\.js does not load: ReferenceError: fetch/],
    ['an import by eval', "eval('import(location.origin)')", /driver\.js does not load: EvalError/],
  ])('a driver of the visitor connects to nothing with %s', async (_, attempt, told) => {
    const page = await open('', { expected: /Content.Security.Policy/ })
    await page.getByRole('combobox', { name: 'Driver' }).selectOption('own')
    await page.getByLabel('The text of your driver').fill(attempt)
    await press(page, 'Run')
    await line(page, told)
  })

  test.each([
    ['ping', 'Ping', /^ping .*: 5 sent, \d received/],
    ['transfer', 'TCP transfer', /^tcp: 200,000 bytes in/],
  ])('the programs at the ends report the %s', async (_, name, told) => {
    const page = await open('')
    await press(page, 'off')
    await press(page, name)
    await line(page, told)
  })
})
