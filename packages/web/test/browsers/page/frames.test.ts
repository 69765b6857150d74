/** The frames view in a browser, with a server that fakes its vnets. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { LITTLE } from '#support/capture-bytes.ts'
import { startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'
import { isCutOff } from '../../support/web/in-page.mjs'

const browser = new TestBrowser()

/** The view of a device after this many frames, in messages of 200. */
async function open(frames: number) {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 2, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#frames/${SNULL}`)
  await page.locator('header [role=status]').getByText('live', { exact: true }).waitFor()
  const send = async (count: number) => {
    for (let sent = 0; sent < count; sent += 200) {
      await feed.quarter(Math.min(200, count - sent))
    }
  }
  await send(frames)
  return { feed, page, send }
}

const rows = (page: Page) => page.locator('.frames-row')
const filter = (page: Page) => page.getByRole('searchbox', { name: 'Filter of the table' })
const shows = (page: Page, text: RegExp) =>
  page.locator('.frames').getByText(text).first().waitFor()
const details = (page: Page) => page.locator('.frame-details')

test('the table has the last 1,000 frames, the newest in sight, and few rows in the page', async () => {
  const { page, send } = await open(1400)
  await shows(page, /^1,000 shown of 1,400/)
  expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('1001')
  expect(await rows(page).count()).toBeLessThan(60)
  const newest = page.locator('.frames-row[aria-rowindex="1001"]')
  const text = await newest.innerText()
  await send(200)
  await expect.poll(() => newest.innerText()).not.toBe(text)
  expect(await rows(page).first().innerText()).toMatch(
    /^\d\d:\d\d:\d\d\.\d{6}\s+[rt]x\s+\d\s+\d+\s+(IP|ARP)/,
  )
})

test('a filter shows the frames that pass it, even later ones, and says what is wrong with it', async () => {
  const { page, send } = await open(200)
  await page.keyboard.press('/')
  await page.keyboard.type('icmp and len >')
  await shows(page, /^filter 'icmp and len >': syntax error$/)
  expect(await filter(page).getAttribute('aria-invalid')).toBe('true')
  await page.keyboard.type(' 50')
  await shows(page, /^3\d shown of 200/)
  await send(200)
  await shows(page, /^6\d shown of 400/)
  for (const row of await rows(page).all()) {
    expect(await row.innerText()).toContain('ICMP')
  }
  await filter(page).fill('dropped')
  await shows(page, /^filter 'dropped': choose 'dropped' beside the filter$/)
  await filter(page).fill('port 1')
  await shows(page, /^No frame passes the filter/)
  await page.keyboard.press('Escape')
  await shows(page, /^400 shown of 400/)
})

test('the fields beside the filter choose frames by direction, fate, queue and text', async () => {
  const { page } = await open(200)
  const choose = (name: string, value: string) =>
    page.getByRole('combobox', { name }).selectOption(value)
  await filter(page).fill('tcp')
  await shows(page, /^10\d shown of 200/)
  // Every second frame, which uses queue 0, is sent.
  await choose('Queue', '1')
  await choose('Direction', 'tx')
  await shows(page, /^No frame passes the filter/)
  await choose('Queue', '0')
  await shows(page, /^5\d shown of 200/)
  await choose('Fate', 'dropped')
  await shows(page, /^\d shown of 200/)
  await choose('Fate', '')
  const text = page.getByRole('searchbox', { name: 'Text in the frame' })
  await text.fill('SEQ 5792,')
  await shows(page, /^1 shown of 200/)
  await text.press('Escape')
  await shows(page, /^5\d shown of 200/)
})

test('the wheel stops the table where it is, and End follows the newest frame again', async () => {
  const { page, send } = await open(1000)
  await page.locator('.frames-row[aria-rowindex="1001"]').waitFor()
  await page.getByRole('grid').hover()
  await page.mouse.wheel(0, -600)
  await shows(page, /0 since the pause$/)
  const text = await rows(page).first().innerText()
  await send(200)
  await shows(page, /200 since the pause$/)
  expect(await rows(page).first().innerText()).toBe(text)
  await page.getByRole('grid').focus()
  await page.keyboard.press('End')
  await shows(page, /^1,000 shown of 1,200$/)
})

test('keys choose a frame, and open its headers and bytes', async () => {
  const { page } = await open(300)
  await filter(page).fill('arp')
  await shows(page, /^\d\d? shown of 300/)
  await page.keyboard.press('Enter')
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await details(page).waitFor()
  expect(await details(page).getByRole('heading').allInnerTexts()).toEqual(
    expect.arrayContaining(['Ethernet', 'ARP', 'Bytes: 42 bytes']),
  )
  expect(await details(page).locator('pre').innerText()).toMatch(
    /^0000 {2}00 53 4e .*\n0010 .*\n0020 /,
  )
  const first = await details(page).getByRole('heading').first().innerText()
  await page.keyboard.press('ArrowDown')
  await expect.poll(() => details(page).getByRole('heading').first().innerText()).not.toBe(first)
  await page.keyboard.press('Escape')
  await details(page).waitFor({ state: 'hidden' })
})

test('a capture is saved up to its last whole block, under the name of the interface', async () => {
  const { page } = await open(0)
  const whole = [...LITTLE.section(), ...LITTLE.interface(1, 0), ...LITTLE.packet(0, 1n, [1, 2, 3])]
  const asked: string[] = []
  await page.route('**/capture?*', route => {
    asked.push(new URL(route.request().url()).searchParams.get('filter') ?? '')
    return route.fulfill({ body: Buffer.from([...whole, ...LITTLE.u32(6)]) })
  })
  await page.getByRole('textbox', { name: 'Capture filter' }).fill('tcp port 80')
  await shows(page, /^vnet capture --filter 'tcp port 80' sn0 vnet-sn0\.pcapng$/)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.keyboard.press('Enter'),
  ])
  expect(download.suggestedFilename()).toMatch(/^vnet-sn0-\d{8}-\d{6}\.pcapng$/)
  expect([...readFileSync(await download.path())]).toEqual(whole)
  expect(asked).toEqual(['tcp port 80'])
  await shows(page, /the capture ended by itself; vnet-sn0-.*: 1 frames/)
  await shows(page, /^vnet test-from vnet-sn0-\d{8}-\d{6}\.pcapng$/)
})

test('a capture runs until the user stops it, and the server hears of it', async () => {
  const { feed, page } = await open(0)
  await page.getByRole('button', { name: 'Capture', exact: true }).click()
  await page.getByRole('button', { name: 'Stop and save' }).click()
  await shows(page, /^no frames were captured$/)
  expect(feed.captures).toEqual([expect.stringContaining(`device=${encodeURIComponent(SNULL)}`)])
})

test('the reason of a drop is shown whole, and frames that passed have none', async () => {
  const { page } = await open(200)
  const fate = page.getByRole('combobox', { name: 'Fate' })
  await fate.selectOption('dropped')
  await shows(page, /^\d shown of 200/)
  for (const verdict of await page.locator('.frames-row .verdict').all()) {
    expect([await verdict.innerText(), await verdict.evaluate(isCutOff)]).toEqual([
      expect.stringMatching(/\w/),
      false,
    ])
  }
  await fate.selectOption('passed')
  await shows(page, /^1\d\d shown of 200/)
  expect(new Set(await page.locator('.frames-row .verdict').allInnerTexts())).toEqual(new Set(['']))
})

test('only frames of a device with several queues are shown with the number of their queue', async () => {
  const { page } = await open(10)
  await rows(page).first().waitFor()
  expect(await page.locator('.frames-head .queue').isVisible()).toBe(true)
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link', { name: 'left/eth0' })
    .click()
  await page.getByRole('heading', { name: 'left/eth0', level: 1 }).waitFor()
  await expect.poll(() => page.locator('.frames-head .queue').isVisible()).toBe(false)
})

test('a driver that changes addresses is mentioned above the frames, no other is', async () => {
  const { page } = await open(10)
  const line = page.getByText('snull changes the addresses of the frames that it transmits')
  await line.waitFor()
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link', { name: 'left/eth0' })
    .click()
  await page.getByRole('heading', { name: 'left/eth0', level: 1 }).waitFor()
  await expect.poll(() => line.count()).toBe(0)
})
