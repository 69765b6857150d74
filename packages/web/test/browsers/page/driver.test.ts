/** The drawing of a driver in a browser, with a server that fakes its vnets. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { PartInfo } from '../../../src/feed-types.ts'
import { PHONE, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()

async function openDriver(options: Parameters<TestBrowser['open']>[1] = {}) {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 5, hosts: 5 }))
  const page = await browser.open(`${address}#driver/${SNULL}`, options)
  await feed.quarter()
  await drawn(page, 'The path of frames through sn0').waitFor()
  // Their names differ from the peer's parts, which may be drawn as well.
  const sendParts = (parts: PartInfo[]) => feed.send({ type: 'parts', time: 1, id: SNULL, parts })
  return { feed, page, sendParts }
}

const drawn = (page: Page, label: string) =>
  page.locator('.drawing').getByLabel(label, { exact: true })

test('the drawing shows a queue that stops, a ring that fills and interrupts that are masked', async () => {
  const { page, sendParts } = await openDriver()
  await sendParts([
    { kind: 'queue', name: 'tx 9', length: 3, state: 'stopped' },
    { kind: 'ring', name: 'rx ring 9', length: 256, capacity: 256 },
    { kind: 'irq', name: 'irq 9', state: 'masked 0x1', count: 7 },
  ])
  await drawn(page, 'tx 9, stopped, holds 3').waitFor()
  expect(await drawn(page, 'tx 9, stopped, holds 3').locator('.cell.filled').count()).toBe(3)
  expect(await drawn(page, 'rx ring 9, 256/256').locator('.cell:not(.filled)').count()).toBe(0)
  await drawn(page, 'irq 9, 7, masked 0x1').waitFor()
  await sendParts([{ kind: 'queue', name: 'tx 9', length: 0, state: 'running' }])
  await drawn(page, 'tx 9, running, holds no frame').waitFor()
  expect(await drawn(page, 'rx ring 9, 256/256').count()).toBe(0)
})

test('the number of frames that a queue holds is shown in full beside the frames', async () => {
  const { page, sendParts } = await openDriver()
  await sendParts([{ kind: 'queue', name: 'tx 9', length: 15, state: 'stopped' }])
  await drawn(page, 'tx 9, stopped, holds 15')
    .locator('.note')
    .getByText('holds 15', { exact: true })
    .waitFor()
  await sendParts([{ kind: 'queue', name: 'tx 9', length: 1234, state: 'stopped' }])
  await drawn(page, 'tx 9, stopped, holds 1.23k')
    .locator('.note')
    .getByText('holds 1.23k', { exact: true })
    .waitFor()
})

test('256 queues are one item, whose title names those that are stopped', async () => {
  const { page, sendParts } = await openDriver()
  await sendParts(
    Array.from({ length: 256 }, (_, i) => {
      return {
        kind: 'queue',
        name: `tx ${i}`,
        length: i === 200 ? 9 : 0,
        state: i === 200 ? 'stopped' : 'running',
      }
    }),
  )
  await drawn(page, 'tx 0 to 255, 9 held, 1 stopped\ntx 200, stopped, holds 9').waitFor()
})

test('a cut cable is shown in both directions, in the title and in the icon', async () => {
  const { feed, page } = await openDriver()
  expect(await page.title()).toBe('sn0: vnet')
  for (const message of feed.world.command(SNULL, { do: 'cut' }).messages) {
    await feed.send(message)
  }
  await expect.poll(() => page.title()).toBe('sn0 (cable cut): vnet')
  await expect.poll(() => page.locator('.drawing .arrow.is-cut').count()).toBe(2)
  expect(await page.locator('link[rel=icon]').getAttribute('href')).toBe('icon-off.svg')
})

test('the drawing leads from top to bottom on a phone', async () => {
  const { page } = await openDriver({ viewport: PHONE })
  const ends = await page
    .locator('.drawing .end')
    .evaluateAll(ends => ends.map(end => end.getBoundingClientRect().y))
  expect(ends[1]).toBeGreaterThan(ends[0] + 300)
})

test('lines move with frames, but not for users who prefer reduced motion', async () => {
  for (const [reducedMotion, moving] of [
    ['no-preference', true],
    ['reduce', false],
  ] as const) {
    const { feed, page } = await openDriver({ reducedMotion })
    await feed.second()
    await feed.second()
    await page
      .locator('.drawing')
      .getByText(/^\d.*\/s$/)
      .first()
      .waitFor()
    expect(await page.locator('.drawing .stream').first().isVisible()).toBe(moving)
    expect(await page.evaluate('document.getAnimations().length > 0')).toBe(moving)
  }
})

test('a frame is a dot that waits in the wire and falls where it is dropped, also without motion', async () => {
  for (const reducedMotion of ['no-preference', 'reduce'] as const) {
    const world = new FakeWorld({ devices: 0, hosts: 0, hostile: false })
    const { feed, address } = await startFeed(world)
    const page = await browser.open(`${address}#driver/${SNULL}`, { reducedMotion })
    world.find(SNULL)!.text.ab = 'delay 20ms | loss 5%'
    // The page connects again once it knows the peer.
    await expect.poll(() => [...feed.devices]).toEqual([SNULL, '4711//sn1'])
    await feed.quarter()
    // Two readings without a frame between them: the rate is 0.
    for (let i = 0; i < 2; i++) {
      world.time += 1000
      await feed.send(world.stats())
    }
    const [now, frame] = [
      Date.now(),
      { direction: 'tx', isFar: false, dropped: undefined } as const,
    ]
    const sent = [1, 2].map(packet => ({ ...frame, packet, time: now - 5000 }))
    const dropped = { text: 'wire ab, stage 2 loss 5%', stage: { place: 2, text: 'loss 5%' } }
    const lost = { ...frame, packet: 2, time: now, dropped }
    await feed.send({ type: 'flights', time: now, id: SNULL, frames: [...sent, lost] })
    await feed.send(world.parts(SNULL))
    await page.locator('.frame-dot.drop .reason').getByText('loss 5%', { exact: true }).waitFor()
    expect(await page.locator('.flow').count()).toBe(0)
    await page.locator('.frame-dot.waiting').waitFor({ state: 'attached' })
  }
})

test('the far end links to the peer, and then shows the peer’s drawing', async () => {
  const { feed, page } = await openDriver()
  expect(new Set(feed.devices)).toEqual(new Set([SNULL, '4711//sn1']))
  const far = page.getByRole('link', { name: /network stack at sn1: carrier/ })
  await far.click()
  await page.getByRole('heading', { name: 'sn1', level: 1 }).waitFor()
  await feed.quarter()
  await drawn(page, 'The path of frames through sn1').waitFor()
})

test('a deleted interface keeps its last drawing', async () => {
  const { feed, page } = await openDriver()
  feed.world.devices = feed.world.devices.filter(({ row }) => row.id !== SNULL)
  await feed.send(feed.world.hello(true))
  await page.getByRole('heading', { name: 'sn0 is gone', level: 1 }).waitFor()
  await drawn(page, 'The path of frames through sn0').waitFor()
  await page.locator('.driver.gone').waitFor()
})

test('transmit timeouts and errors are counted beside the drops', async () => {
  const { feed, page } = await openDriver()
  Object.assign(feed.world.find(SNULL)!.counters, { txTimeouts: 9, txErrors: 12 })
  await feed.second()
  const cells = page.getByRole('row').filter({ hasText: 'sn0 tx' }).getByRole('cell')
  await expect.poll(async () => (await cells.allInnerTexts()).slice(-2)).toEqual(['12', '9'])
})

test('addresses are in the header, and a command to type is shown until frames pass', async () => {
  const world = new FakeWorld({ devices: 0, hosts: 0, hostile: false })
  Object.assign(world.find(SNULL)!.row, { addresses: ['198.18.0.1/24'], hint: 'ping 198.18.0.2' })
  const { feed, address } = await startFeed(world)
  const page = await browser.open(`${address}#driver/${SNULL}`)
  await feed.quarter()
  await page.getByText(/^198\.18\.0\.1\/24, snull, pid 4711, /).waitFor()
  const hint = page.locator('.hint code').getByText('ping 198.18.0.2', { exact: true })
  Object.assign(world.find(SNULL)!.counters, { txPackets: 3, rxPackets: 0 })
  world.time += 1000
  await feed.send(world.stats())
  await hint.waitFor()
  await feed.second()
  await hint.waitFor({ state: 'hidden' })
})

test('on a wide screen the drawing starts where its table does', async () => {
  const { page } = await openDriver({ viewport: { width: 2200, height: 800 } })
  const left = async (selector: string) => (await page.locator(selector).boundingBox())!.x
  expect(await left('.drawing .canvas')).toBe(await left('.numbers table'))
})
