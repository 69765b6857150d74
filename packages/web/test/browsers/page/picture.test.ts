/** The views inside another page in a browser, with messages and commands of that page. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { CommandRequest, FeedMessage } from '../../../src/feed-types.ts'
import { startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()

/** A page whose style disagrees with the views' style. */
const OUTER = `<!doctype html><html lang="en"><meta charset="utf-8"><title>outer</title>
<link rel="icon" href="icon.svg"><link rel="stylesheet" href="palette.css">
<style>html { color-scheme: dark } button, table { display: none } h2 { font-size: 40px }</style>
<h2>Outer</h2><main></main>
<script type="module">
import { mountPicture } from '/picture.js'
globalThis.picture = mountPicture(document.querySelector('main'), {
  views: ['driver', 'hands-on', 'frames', 'step'],
  style: await (await fetch('/style.css')).text(),
  command: request => globalThis.send(request),
})
</script></html>`

declare const picture: { receive(message: FeedMessage): void; close(): void }

async function open() {
  const world = new FakeWorld({ devices: 0, hosts: 0, hostile: false })
  const { address } = await startFeed(world)
  const commands: CommandRequest[] = []
  const prepare = async (page: Page) => {
    await page.route('**/outer.html', route =>
      route.fulfill({ contentType: 'text/html', body: OUTER }),
    )
    await page.exposeFunction('send', (request: CommandRequest) => {
      commands.push(request)
      return world.command(request.id, request.command).result
    })
  }
  const page = await browser.open(new URL('/outer.html', address).href, { prepare })
  await page.waitForFunction('globalThis.picture')
  const give = (...messages: (FeedMessage | undefined)[]) =>
    page.evaluate(all => {
      for (const message of all) {
        if (message !== undefined) {
          picture.receive(message)
        }
      }
    }, messages)
  const second = () => {
    world.advance(1000)
    return give(world.stats(), world.parts(SNULL), world.wire(SNULL), world.frames(SNULL, 30))
  }
  await give(world.hello(true), ...world.first(SNULL, ['parts', 'wire', 'params', 'step']))
  await second()
  return { page, commands, second }
}

test('the driver is drawn, with its frames and controls below it, one at a time', async () => {
  const { page, commands, second } = await open()
  await page.getByLabel('The path of frames through sn0').waitFor()
  await second()
  await page.getByRole('row', { name: /^sn0 tx/ }).waitFor()
  await page.getByLabel('Text of the wire').fill('los 5%')
  await page.getByRole('alert').getByText('unknown stage los').waitFor()
  await page.getByRole('link', { name: 'Frames' }).click()
  await page
    .getByRole('row', { name: /wire ab, stage 2 loss 1%/ })
    .first()
    .waitFor()
  expect(await page.getByRole('button', { name: 'Capture' }).count()).toBe(0)
  expect(await page.getByLabel('Text of the wire').count()).toBe(0)
  await page.getByRole('link', { name: 'Step' }).click()
  await page.getByRole('button', { name: 'Halt frames' }).click()
  await expect
    .poll(() => commands.at(-1))
    .toEqual({ id: SNULL, command: { do: 'step', mode: 'on' } })
  expect(new URL(page.url()).hash).toBe('')
})

test('the far end of the path leads to the other interface', async () => {
  const { page } = await open()
  await page.locator('a.end').click()
  // Its parts have not arrived.
  await page.getByText('Waiting for its parts.').waitFor()
  expect(new URL(page.url()).hash).toBe('')
})

test('keys are commands while the focus is in the views, and not while one types', async () => {
  const { page, commands } = await open()
  await page.evaluate(() => {
    document.addEventListener('keydown', ({ key }) => document.body.setAttribute('data-seen', key))
  })
  const seen = () => page.locator('body').getAttribute('data-seen')
  await page.getByRole('link', { name: 'Step' }).click()
  await page.getByLabel('Halt only').press('s')
  expect(await seen()).toBeNull()
  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  await page.keyboard.press('s')
  expect(await seen()).toBe('s')
  await page.getByRole('link', { name: 'Step' }).press('s')
  // After a pause in typing, the page also asks for the filter that was typed.
  const steps = () => commands.filter(({ command }) => command.do !== 'filter')
  await expect.poll(steps).toEqual([{ id: SNULL, command: { do: 'step', mode: 'on' } }])
})

test('the views follow the colours of the page around them, and disturb no other style', async () => {
  const { page } = await open()
  const about = (selector: string, property: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), property)
  await page.locator('.numbers').waitFor()
  expect(await about('.numbers table', 'display')).toBe('table')
  expect(await about('h2', 'font-size')).toBe('40px')
  expect(await about('.picture', 'color')).toBe('rgb(227, 232, 238)')
  expect(await page.evaluate(() => [...document.querySelectorAll('body *')].length)).toBeLessThan(6)
  await page.evaluate(() => picture.close())
  expect(await page.locator('.picture').count()).toBe(0)
})
