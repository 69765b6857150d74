/** The topology of labs in a browser, with a server that fakes its vnets. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { connection, PHONE, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeWorld, LAB, SNULL } from '../../support/web/fake-world.mjs'
import { widthOfPage } from '../../support/web/in-page.mjs'

const browser = new TestBrowser()

const WORLD = { devices: 0, hosts: 0, hostile: false }
const drawing = (page: Page) => page.getByRole('figure', { name: `The links of ${LAB}` })
const link = (page: Page, name: string) => drawing(page).getByRole('link', { name })

test('each link of a lab is drawn with its rate and its drops, and opens the drawing of its cable', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ ...WORLD, lab: 3 }))
  const page = await browser.open(`${address}#labs/${SNULL}`)
  await expect.poll(() => drawing(page).getByRole('link').count()).toBe(5)
  await connection(page, 'live')
  await link(page, 'host1 to hub 0 frames/s').waitFor()
  // The feed may still be opening: two seconds of one feed make a rate.
  const titleAfterSecond = async () => {
    await feed.second()
    return await link(page, 'host1 to hub').textContent()
  }
  await expect.poll(titleAfterSecond).toMatch(/host1 to hub [1-9]/)
  const counters = feed.world.find(`4716/${LAB}:hub/host1`)!.counters
  counters.drops.tx.WIRE_LOSS = 7
  await feed.second()
  await link(page, 'host1 to hub').getByText('−7/s').waitFor()
  await expect
    .poll(() => link(page, 'host1 to hub').textContent())
    .toMatch(/host1 to hub [1-9].*dropped 7 frames\/s/)
  expect(await link(page, 'host0 to wifi').count()).toBe(1)
  expect(await drawing(page).locator('title').allTextContents()).toEqual(
    expect.arrayContaining(['host host0', 'router hub', 'segment wifi']),
  )
  const outlines = await drawing(page).locator('.node path').all()
  const commands = outlines.map(async path =>
    (await path.getAttribute('d'))?.replace(/[^A-Za-z]/g, ''),
  )
  // A box, a hexagon, and a box with round ends.
  expect(new Set(await Promise.all(commands))).toEqual(new Set(['Mhvhz', 'Mhllhlz', 'Mhahaz']))
  await link(page, 'host1 to hub').press('Enter')
  await page.getByRole('heading', { name: `${LAB}:host1/hub`, level: 1 }).waitFor()
  await page.getByRole('img', { name: `The kernel's network stack at ${LAB}:host1/hub` }).waitFor()
})

test('a cut cable of a lab is drawn as cut', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ ...WORLD, lab: 2 }))
  const page = await browser.open(`${address}#labs/${SNULL}`)
  await link(page, 'host1 to hub').waitFor()
  feed.world.find(`4716/${LAB}:host1/hub`)!.row.isCut = true
  await feed.send(feed.world.hello(true))
  await link(page, 'host1 to hub').getByText('cable cut', { exact: true }).waitFor()
})

test('a lab of 200 hosts is drawn, and a phone scrolls the drawing alone', async () => {
  const { address } = await startFeed(new FakeWorld({ ...WORLD, lab: 200 }))
  const page = await browser.open(`${address}#labs/${SNULL}`, { viewport: PHONE })
  await expect.poll(() => drawing(page).getByRole('link').count()).toBe(202)
  expect(await page.evaluate(widthOfPage)).toBe(PHONE.width)
})

test('without a lab the view shows how to start one, and a lab that starts is drawn', async () => {
  const { feed, address } = await startFeed(new FakeWorld(WORLD))
  const page = await browser.open(address)
  const inBar = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Labs' })
  await connection(page, 'live')
  expect(await inBar.isVisible()).toBe(false)
  await page.goto(`${new URL(page.url()).origin}/#labs`)
  await page.getByText('No lab is running').waitFor()
  const { devices } = new FakeWorld({ ...WORLD, lab: 1 })
  feed.world.devices = [...feed.world.devices, ...devices.filter(({ driver }) => driver === 'lab')]
  await feed.send(feed.world.hello(true))
  await drawing(page).waitFor()
  expect(await inBar.isVisible()).toBe(true)
})

test('a table has each end of a link: its addresses, its NAT, and the wire of its frames', async () => {
  const world = new FakeWorld({ ...WORLD, lab: 2 })
  const { row } = world.find(`4716/${LAB}:hub/host1`)!
  row.addresses = ['198.18.0.1/24']
  row.lab = { ...row.lab!, nat: 'symmetric' }
  const { feed, address } = await startFeed(world)
  const page = await browser.open(`${address}#labs/${SNULL}`)
  await connection(page, 'live')
  const [id, p99] = [SNULL, {}]
  const wires = { [`4716/${LAB}:host1/hub`]: { out: 'delay 20ms', in: '' } }
  await feed.send({ type: 'late', id, p99, wires })
  const end = (...cells: string[]) => page.getByRole('row', { name: cells.join(' ') }).waitFor()
  await end('hub', 'host1', 'host1', '198.18.0.1/24', 'symmetric', 'off')
  await end('host1', 'hub', 'hub', 'delay 20ms')
  await page.getByText('a hexagon a router').waitFor()
  // The view is about no single interface.
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Labs')
  expect(await page.locator('.devices [aria-current=true]').count()).toBe(0)
})
