/** The traffic view in a browser, with a server that fakes its vnets. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { startFeed, TestBrowser } from '../../support/web/browser.ts'
import { CABLE, FakeWorld, SNULL } from '../../support/web/fake-world.mjs'
import {
  bordersOf,
  countMarks,
  hasStatisticsOf,
  noteStatistics,
} from '../../support/web/in-page.mjs'

const browser = new TestBrowser()

/** Opens the view of a device, and lets this many seconds pass. */
async function open(device: string, seconds: number) {
  const world = new FakeWorld({ devices: 2, hosts: 0, hostile: false })
  const { feed, address } = await startFeed(world)
  const prepare = (page: Page) => page.addInitScript(noteStatistics)
  const page = await browser.open(`${address}#traffic/${device}`, { prepare })
  await page.locator('header [role=status]').getByText('live', { exact: true }).waitFor()
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await feed.second(0)
    }
    await page.waitForFunction(hasStatisticsOf, world.time)
  }
  await pass(seconds)
  return { feed, page, pass }
}

const plot = (page: Page, title: string) => page.locator('.plot').filter({ hasText: title })
const drawing = (page: Page) => plot(page, 'Throughput').locator('.u-over')
const value = (page: Page) => plot(page, 'Throughput').locator('.value').first().innerText()
const status = (page: Page) => page.locator('.traffic [role=status]').innerText()

test('each plot names its lines with their newest values, and a key switches one off', async () => {
  const { page } = await open(CABLE, 20)
  const keys = (title: string) => plot(page, title).getByRole('button').allInnerTexts()
  await expect
    .poll(() => keys('Throughput'))
    .toEqual([
      expect.stringMatching(/^tx\s*[\d.]+[kM]$/),
      expect.stringMatching(/^rx\s*[\d.]+[kM]$/),
    ])
  await expect
    .poll(() => keys('Wire ab: extra delay'))
    .toContainEqual(expect.stringMatching(/^delay: p50\s*[\d.]+ µs$/))
  const first = plot(page, 'Throughput').getByRole('button').first()
  await first.focus()
  await page.keyboard.press('Enter')
  await expect.poll(() => first.getAttribute('aria-pressed')).toBe('false')
})

test('dragging and keys zoom all plots, and a double click or a key shows the whole time again', async () => {
  const { page } = await open(SNULL, 60)
  const back = page.getByRole('button', { name: 'Zoom out' })
  const box = (await drawing(page).boundingBox())!
  const [y, right] = [box.y + box.height / 2, box.x + box.width - 2]
  await page.mouse.move(right - 40, y)
  await page.mouse.down()
  await page.mouse.move(right - 20, y, { steps: 4 })
  await page.mouse.up()
  await back.waitFor()
  await expect.poll(() => status(page)).toMatch(/^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/)
  await drawing(page).dblclick()
  await back.waitFor({ state: 'hidden' })
  await page.keyboard.press('+')
  await back.waitFor()
  const before = await status(page)
  await page.keyboard.press('Shift+ArrowLeft')
  await expect.poll(() => status(page)).not.toBe(before)
  await page.keyboard.press('0')
  await back.waitFor({ state: 'hidden' })
})

test('one cursor is in all plots, and keys move it from sample to sample', async () => {
  const { page } = await open(CABLE, 30)
  await drawing(page).hover({ position: { x: 300, y: 20 } })
  const places = () =>
    page.locator('.u-cursor-x').evaluateAll(lines => lines.map(line => line.getAttribute('style')))
  await expect.poll(async () => new Set(await places()).size).toBe(1)
  expect((await places()).length).toBeGreaterThan(4)
  const shown = page.locator('.traffic').getByText(/^values of/)
  await page.mouse.move(0, 0)
  await page.keyboard.press('ArrowLeft')
  const last = await shown.innerText()
  const [before] = await places()
  await page.keyboard.press('ArrowLeft')
  await expect.poll(() => shown.innerText()).not.toBe(last)
  await expect.poll(async () => (await places())[0]).not.toBe(before)
  expect(new Set(await places()).size).toBe(1)
  await page.keyboard.press('ArrowRight')
  await expect.poll(() => shown.innerText()).toBe(last)
  await expect.poll(async () => (await places())[0]).toBe(before)
})

test('a pause freezes the drawing, while samples continue', async () => {
  const { page, pass } = await open(SNULL, 10)
  await page.keyboard.press('p')
  await page.getByText(/^paused at/).waitFor()
  const frozen = await value(page)
  await pass(15)
  expect(await value(page)).toBe(frozen)
  await page.keyboard.press('p')
  await expect.poll(() => value(page)).not.toBe(frozen)
})

test('another device is shown with the samples of the time before it was chosen', async () => {
  const { page } = await open(SNULL, 30)
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link')
    .filter({ hasText: 'sn1' })
    .click()
  await page.getByRole('heading', { name: 'sn1', level: 1 }).waitFor()
  await drawing(page).hover({ position: { x: 300, y: 20 } })
  await page
    .locator('.traffic')
    .getByText(/^values of/)
    .waitFor()
  await expect.poll(() => value(page)).toMatch(/^[\d.]+[kM]$/)
})

test('a deleted interface keeps its last minute, and the page says that it was deleted', async () => {
  const { feed, page, pass } = await open(SNULL, 20)
  await expect.poll(() => value(page)).toMatch(/^[\d.]+[kM]$/)
  const { world } = feed
  world.devices = world.devices.filter(({ row }) => row.id !== SNULL)
  await feed.send(world.hello(true))
  await page.getByRole('heading', { name: 'sn0 is gone', level: 1 }).waitFor()
  await page.getByText('It is shown again when it is back.').waitFor()
  await pass(1)
  expect(await value(page)).toMatch(/^[\d.]+[kM]$/)
})

test('each line of a plot looks different in its legend', async () => {
  const { feed, page, pass } = await open(SNULL, 0)
  const parts = ['a', 'b', 'c', 'd', 'e'].map(
    name => ({ kind: 'ring', name, length: 1, capacity: 4 }) as const,
  )
  await feed.send({ type: 'parts', time: feed.world.time, id: SNULL, parts })
  await pass(2)
  const samples = plot(page, 'Frames waiting').locator('.sample')
  await expect.poll(() => samples.count()).toBeGreaterThan(5)
  const looks = await samples.evaluateAll(bordersOf)
  expect(new Set(looks).size).toBe(looks.length)
})

test('plots follow changes of the page’s colours and width', async () => {
  const { page } = await open(SNULL, 30)
  const canvas = plot(page, 'Throughput').locator('canvas')
  await canvas.waitFor()
  const image = () =>
    canvas.evaluate(element => (element as unknown as { toDataURL(): string }).toDataURL())
  for (const colorScheme of ['dark', 'light'] as const) {
    const before = await image()
    await page.emulateMedia({ colorScheme })
    await expect
      .poll(async () => (await canvas.count()) === 1 && (await image()) !== before)
      .toBe(true)
  }
  await page.setViewportSize({ width: 700, height: 800 })
  const width = () => canvas.evaluate(element => element.getBoundingClientRect().width)
  await expect.poll(width).toBeGreaterThan(600)
})

test('a cut, a wire spec and a timeout are listed as events, and are marked in every plot', async () => {
  const { feed, page, pass } = await open(SNULL, 20)
  const drawn = page.locator('.plot:visible canvas')
  const marked = () => drawn.evaluateAll(countMarks)
  expect(new Set(await marked())).toEqual(new Set([0]))
  const change = async (command: Parameters<typeof feed.world.command>[1]) => {
    for (const message of feed.world.command(SNULL, command).messages) {
      await feed.send(message)
    }
    await pass(2)
  }
  await change({ do: 'cut' })
  await change({ do: 'plug' })
  await change({ do: 'wire', text: 'loss 5%', direction: 'ab' })
  await change({ do: 'trigger', fault: 'lockup' })
  const events = page.getByRole('list', { name: 'Events' }).getByRole('listitem')
  await expect
    .poll(() => events.allInnerTexts())
    .toEqual(
      [/transmit timeout of queue 0$/, /wire ab: loss 5%$/, /cable plugged in$/, /cable cut$/].map(
        text => expect.stringMatching(text),
      ),
    )
  await expect.poll(async () => Math.min(...(await marked()))).toBeGreaterThan(3)
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link')
    .filter({ hasText: 'sn1' })
    .click()
  await page.getByRole('heading', { name: 'sn1', level: 1 }).waitFor()
  await expect.poll(() => events.count()).toBe(0)
})
