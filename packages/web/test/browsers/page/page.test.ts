/** Rules for every view of the page, in a browser, with a server that fakes its vnets. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import {
  connection,
  DESKTOP,
  PHONE,
  showView,
  startFeed,
  TestBrowser,
  viewsOf,
} from '../../support/web/browser.ts'
import { CABLE, FakeWorld, HOSTILE_NAMES, LAN, SNULL } from '../../support/web/fake-world.mjs'
import {
  findIllegible,
  findSmallControls,
  focusedId,
  isTyping,
  nextFrame,
  noteFocus,
  textAt,
  unnamedHeadings,
  unreachedControls,
  widthOfPage,
} from '../../support/web/in-page.mjs'

const browser = new TestBrowser()

const look = (address: string, id: string) => `${address}#driver/${id}`
const rows = (page: Page) => page.locator('.devices details').getByRole('link')

test('200 interfaces are all listed, found by a word, and chosen by a click', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 200 }))
  const page = await browser.open(address)
  await connection(page, 'live')
  await expect.poll(() => rows(page).count()).toBe(feed.world.devices.length)
  await page.getByRole('searchbox', { name: 'Search interfaces' }).fill('loop19')
  await expect.poll(() => rows(page).filter({ visible: true }).allInnerTexts()).toHaveLength(11)
  await rows(page).filter({ hasText: 'loop199' }).click()
  await page.getByRole('heading', { name: 'loop199', level: 1 }).waitFor()
  await expect.poll(() => [...feed.devices]).toEqual(['4714//loop199'])
  await expect.poll(() => new URL(page.url()).hash).toBe('#driver/4714//loop199')
})

test('an address of a view that does not exist shows the first view, and says so', async () => {
  const { address } = await startFeed(new FakeWorld({ devices: 1 }))
  const page = await browser.open(`${address}`)
  await page.goto(`${new URL(page.url()).origin}/#hands/${SNULL}`)
  await page.getByText('There is no view hands. This is Driver.').waitFor()
  expect(await page.locator('nav a[aria-current=page]').innerText()).toBe('Driver')
})

test.each([
  ['a desktop', { viewport: DESKTOP }],
  ['a phone', { viewport: PHONE, hasTouch: true, isMobile: true }],
])(
  'on %s no view is too wide; on a phone controls are large enough for a finger',
  async (_, screen) => {
    const { feed, address } = await startFeed(new FakeWorld({ devices: 10, lab: 3 }))
    const page = await browser.open(address, screen)
    for (const device of [SNULL, CABLE, LAN, `4715/${HOSTILE_NAMES[4]![1]}/eth0`]) {
      await page.goto(look(address, encodeURIComponent(device)))
      for (const view of await viewsOf(page)) {
        await showView(page, view)
        await feed.second()
        const width = await page.evaluate(widthOfPage)
        expect([device, view, width]).toEqual([device, view, screen.viewport.width])
        if (screen.viewport === PHONE) {
          expect([device, view, await page.evaluate(findSmallControls)]).toEqual([device, view, []])
        }
      }
    }
  },
)

test.each(['light', 'dark'] as const)(
  'in %s colours each text of each view is legible',
  async colorScheme => {
    const { feed, address } = await startFeed(new FakeWorld({ devices: 5, hosts: 20, lab: 3 }))
    const page = await browser.open(address, { colorScheme })
    for (const device of [SNULL, CABLE, LAN]) {
      await page.goto(look(address, device))
      feed.world.command(device, { do: 'step', mode: 'on' })
      for (const view of await viewsOf(page)) {
        await showView(page, view)
        await feed.second()
        expect([device, view, await page.evaluate(findIllegible)]).toEqual([device, view, []])
      }
    }
  },
)

test('the keyboard alone leads to every view and every control, and shows where it is', async () => {
  const { feed, address } = await startFeed(
    new FakeWorld({ devices: 2, hosts: 20, lab: 3, hostile: false }),
  )
  const page = await browser.open(address)
  await connection(page, 'live')
  const press = (key: string) => page.keyboard.press(key)
  const views = await viewsOf(page)
  await press('Tab')
  await press('Enter')
  expect(await page.evaluate(focusedId)).toBe('view')
  for (const [device, name] of [
    [SNULL, 'sn0'],
    [LAN, 'lan0'],
  ] as const) {
    await press('/')
    await page.keyboard.type(name)
    await press('Enter')
    await page.getByRole('heading', { name, level: 1 }).waitFor()
    for (const view of views) {
      while (await page.evaluate(isTyping)) {
        await press('Tab')
      }
      const link = page.getByRole('navigation', { name: 'Views' }).getByText(view, { exact: true })
      await press((await link.getAttribute('aria-keyshortcuts'))!)
      await page.locator('nav a[aria-current=page]').getByText(view, { exact: true }).waitFor()
      await feed.second()
      // After the last control of the page the focus leaves the page, and returns at the first.
      // Controls that are drawn in the meantime are reached as well.
      await page.evaluate(nextFrame)
      let left = await page.evaluate(unreachedControls)
      for (let pressed = 0; pressed < 150 && left.length > 0; pressed++) {
        await press('Tab')
        expect(await page.evaluate(noteFocus)).toBeUndefined()
        left = await page.evaluate(unreachedControls)
      }
      expect([device, view, left]).toEqual([device, view, []])
    }
  }
})

test('the interface that is chosen is seen in a list that is longer than the page', async () => {
  const { address } = await startFeed(new FakeWorld())
  const page = await browser.open(address)
  await connection(page, 'live')
  await page.keyboard.press('/')
  await page.keyboard.type('loop150')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'loop150', level: 1 }).waitFor()
  await page.keyboard.press('Escape')
  const chosen = page.locator('.devices details a[aria-current]')
  const height = page.viewportSize()!.height
  await expect.poll(async () => (await chosen.boundingBox())?.y).toBeLessThan(height)
  await expect.poll(() => page.getByRole('searchbox').inputValue()).toBe('')
})

test('the list keeps the focus when it is made again, so arrows and Enter go through it', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 3, hostile: false }))
  const page = await browser.open(address)
  await connection(page, 'live')
  const names = await rows(page).locator('.name').allInnerTexts()
  await page.keyboard.press('/')
  await page.keyboard.press('ArrowDown')
  for (const name of names.slice(1)) {
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name, level: 1, exact: true }).waitFor()
    await feed.second()
  }
})

test('the heading of a vnet covers its interfaces, which scroll below it', async () => {
  const { address } = await startFeed(new FakeWorld({ devices: 50 }))
  const page = await browser.open(address)
  await connection(page, 'live')
  const list = page.locator('.devices .list')
  await rows(page).filter({ hasText: 'loop30' }).waitFor()
  await list.evaluate(list => list.scrollTo(0, 700))
  const { x, y } = (await list.boundingBox())!
  const top = await page.evaluate(textAt, { x: x + 40, y: y + 15 })
  expect(top).toBe('loop, pid 4714')
})

test('each view starts at its top, however far another one was scrolled', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 2, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#driver/${SNULL}`, {
    viewport: { width: 1000, height: 300 },
  })
  await connection(page, 'live')
  const scrolled = () => page.locator('#view').evaluate(view => view.scrollTop)
  await showView(page, 'Traffic')
  await feed.second()
  await page.locator('.plot').first().waitFor()
  await page.locator('#view').evaluate(view => view.scrollTo(0, 200))
  expect(await scrolled()).toBe(200)
  await showView(page, 'Driver')
  await feed.second()
  await page.locator('.drawing svg').waitFor()
  expect(await scrolled()).toBe(0)
})

test('each column and each row of each table has a name', async () => {
  const { feed, address } = await startFeed(
    new FakeWorld({ devices: 2, hosts: 20, lab: 2, hostile: false }),
  )
  const page = await browser.open(address)
  for (const device of [SNULL, CABLE, LAN]) {
    await page.goto(look(address, device))
    for (const view of await viewsOf(page)) {
      await showView(page, view)
      await feed.second()
      expect([device, view, await page.evaluate(unnamedHeadings)]).toEqual([device, view, []])
    }
  }
  await page.goto(`${address.replace(/#.*/, '')}#lan/${LAN}`)
  // Rows of other elements would not be rows of the table for readers of the screen.
  const list = page.getByRole('table', { name: 'hosts' })
  await expect.poll(() => list.getByRole('rowgroup').count()).toBe(2)
  expect(await list.getByRole('rowgroup').last().getByRole('row').count()).toBeGreaterThan(10)
})

test('the list shows which interfaces drop frames', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 3, hosts: 0, hostile: false }))
  const page = await browser.open(address)
  await connection(page, 'live')
  await feed.second()
  const { drops } = feed.world.find('4714//loop1')!.counters
  drops.rx.NOMEM = 40
  const badge = rows(page).filter({ hasText: 'loop1' }).locator('.drops')
  await feed.second()
  await badge.getByText('−40', { exact: true }).waitFor()
  expect(await rows(page).filter({ hasText: 'loop2' }).locator('.drops').count()).toBe(0)
  await feed.second()
  await badge.waitFor({ state: 'hidden' })
  drops.tx.NEIGH = 40
  drops.rx.NOMEM = 42
  await feed.second()
  await badge.getByText('−2', { exact: true }).waitFor()
})

test('? shows the keys of the page, and Escape hides them', async () => {
  const { address } = await startFeed(new FakeWorld({ devices: 2, hosts: 0, hostile: false }))
  const page = await browser.open(address)
  await connection(page, 'live')
  const keys = page.locator('.keys-help')
  expect(await keys.count()).toBe(0)
  await page.keyboard.press('?')
  await keys.getByText('search interfaces').waitFor()
  await page.keyboard.press('Escape')
  await keys.waitFor({ state: 'hidden' })
  await page.getByRole('searchbox').press('?')
  expect(await page.getByRole('searchbox').inputValue()).toBe('?')
  await page.getByRole('button', { name: 'Keys' }).click()
  await keys.waitFor()
})

test('the table of all interfaces starts with those that are broken, then those that drop frames', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 5, hosts: 0, hostile: false }))
  const { world } = feed
  const page = await browser.open(`${address}#all`)
  await connection(page, 'live')
  await feed.second()
  world.find('4714//loop2')!.row.isCut = true
  await feed.send(world.hello(true))
  const { drops } = world.find('4714//loop3')!.counters
  const table = page.locator('table.all tbody')
  const first = async () => {
    drops.rx.NOMEM = (drops.rx.NOMEM ?? 0) + 5000
    await feed.second()
    return (await table.getByRole('row').allInnerTexts()).slice(0, 2)
  }
  await expect
    .poll(first)
    .toEqual([
      expect.stringMatching(/^loop2\s+cable cut/),
      expect.stringMatching(/^loop3\s+carrier.*\s5k\s/s),
    ])
  const cable = table.getByRole('row').filter({ hasText: 'left/eth0' })
  expect(await cable.getByRole('cell').nth(4).innerText()).toBe('850 µs')
  await table.getByRole('link', { name: 'loop3' }).click()
  await page.getByRole('heading', { name: 'loop3', level: 1 }).waitFor()
  const overview = page.getByRole('navigation', { name: 'Interfaces' }).getByRole('link').first()
  expect([await overview.innerText(), await overview.getAttribute('aria-current')]).toEqual([
    'All interfaces',
    null,
  ])
  await overview.click()
  await table.waitFor()
  expect(await overview.getAttribute('aria-current')).toBe('page')
})

test('on a phone the tab of the view is in sight, and the drops of all interfaces are', async () => {
  const { address } = await startFeed(new FakeWorld({ devices: 0, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#all/${SNULL}`, { viewport: PHONE })
  for (const found of [
    page.getByRole('link', { name: 'All', exact: true }),
    page.getByRole('columnheader', { name: 'drops/s' }),
  ]) {
    const { x, width } = (await found.boundingBox())!
    expect(x + width).toBeLessThanOrEqual(PHONE.width)
  }
})
