/** axe finds no violation in any view and state of the page, in both colour schemes. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import {
  connection,
  PHONE,
  showView,
  startFeed,
  TestBrowser,
  viewsOf,
} from '../../support/web/browser.ts'
import { CABLE, FakeWorld, LAN, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

type Feed = Awaited<ReturnType<typeof startFeed>>['feed']

/** Returns `RULE: ELEMENT` for each element that breaks a rule. */
async function violations(page: Page): Promise<string[]> {
  // The policy of the page refuses a script element.
  await page.evaluate(axe)
  const { violations } = (await page.evaluate(
    'axe.run({ resultTypes: ["violations"] })',
  )) as AxeResults
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`),
  )
}

async function open(
  view: string,
  device: string,
  options: Parameters<TestBrowser['open']>[1] = {},
) {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 5, hosts: 20, lab: 3 }))
  const page = await browser.open(`${address}#${view}/${device}`, options)
  await connection(page, 'live')
  await feed.second()
  return { feed, page }
}

const all = [SNULL, CABLE, LAN].flatMap(device =>
  (['light', 'dark'] as const).map(scheme => [device, scheme] as const),
)

test.each(all)('no view of %s in %s colours breaks a rule of axe', async (device, colorScheme) => {
  const { feed, page } = await open('driver', device, { colorScheme })
  for (const view of await viewsOf(page)) {
    await showView(page, view)
    await feed.second()
    expect([view, await violations(page)]).toEqual([view, []])
  }
})

/** Each state: the view and the device where it starts, and what leads to it. */
const states: readonly (readonly [
  name: string,
  view: string,
  device: string,
  reach: (page: Page, feed: Feed) => Promise<unknown>,
])[] = [
  ['the keys of the page', 'driver', SNULL, page => page.keyboard.press('?')],
  [
    'a search that finds nothing',
    'driver',
    SNULL,
    page => page.getByLabel('Search interfaces').fill('nothing'),
  ],
  [
    'a problem',
    'driver',
    SNULL,
    async (page, feed) => {
      await feed.send({ type: 'problem', text: 'vnet 4711 did not reply in time' })
      await page.getByText('vnet 4711 did not reply in time').waitFor()
    },
  ],
  [
    'a cut cable and a full ring',
    'driver',
    SNULL,
    async (page, feed) => {
      const parts = [{ kind: 'ring', name: 'rx ring 9', length: 256, capacity: 256 }] as const
      await feed.send({ type: 'parts', time: 1, id: SNULL, parts })
      for (const message of feed.world.command(SNULL, { do: 'cut' }).messages) {
        await feed.send(message)
      }
      await page.locator('.drawing .arrow.is-cut').first().waitFor()
    },
  ],
  [
    'an interface that is gone',
    'driver',
    SNULL,
    async (page, feed) => {
      feed.world.devices = feed.world.devices.filter(({ row }) => row.id !== SNULL)
      await feed.send(feed.world.hello(true))
      await page.locator('.driver.gone').waitFor()
    },
  ],
  [
    'a server that does not answer',
    'all',
    SNULL,
    async (page, feed) => {
      await feed.close()
      await page.getByText('The server does not answer').waitFor()
    },
  ],
  [
    'paused and zoomed plots with an event',
    'traffic',
    CABLE,
    async (page, feed) => {
      for (const message of feed.world.command(CABLE, { do: 'cut' }).messages) {
        await feed.send(message)
      }
      await page.keyboard.press('+')
      await page.keyboard.press('p')
      await page.keyboard.press('ArrowLeft')
      await page.getByRole('button', { name: 'Zoom out' }).waitFor()
    },
  ],
  [
    'a cursor of the plots that keys moved',
    'traffic',
    SNULL,
    async (page, feed) => {
      for (let i = 0; i < 5; i++) {
        await feed.second()
      }
      await page.locator('.plot .value').filter({ hasText: /^\d/ }).first().waitFor()
      await page.keyboard.press('ArrowLeft')
      await page
        .locator('.traffic')
        .getByText(/^values of/)
        .waitFor()
    },
  ],
  [
    'the details of a frame, the help and a wrong filter',
    'frames',
    SNULL,
    async page => {
      await page.locator('.frames-row').first().click()
      await page.locator('.frame-details').waitFor()
      await page.getByText('Filters and keys').click()
      await page.getByLabel('Filter of the table').fill('(')
      await page.getByRole('alert').getByText('syntax error').waitFor()
    },
  ],
  [
    'a refused change',
    'hands-on',
    CABLE,
    async page => {
      await page.getByLabel('Text of the wire').fill('dealy 20ms')
      await page.locator('form.control [role=alert] pre').waitFor()
    },
  ],
  [
    'a frame that waits for a step',
    'step',
    SNULL,
    async page => {
      await page.keyboard.press('s')
      await page.getByText(/^Step 1 of 5/).waitFor()
      await page.keyboard.press('n')
      await page.getByText(/^Step 2 of 5/).waitFor()
    },
  ],
  [
    'a list of a segment that is searched',
    'lan',
    LAN,
    async page => {
      await page.getByRole('button', { name: /^leases/ }).click()
      await page.getByLabel('Search the lists').fill('nothing')
    },
  ],
]

test.each(states)('%s breaks no rule of axe', async (_, view, device, reach) => {
  const { feed, page } = await open(view, device, { expected: /ERR_|status of/ })
  await reach(page, feed)
  expect(await violations(page)).toEqual([])
})

test.each([
  ['with its list of interfaces on a phone', PHONE],
  ['on a wide screen', { width: 2200, height: 1000 }],
])('the page %s breaks no rule of axe', async (_, viewport) => {
  const { page } = await open('all', SNULL, { viewport })
  await page.keyboard.press('/')
  expect(await violations(page)).toEqual([])
})

test.each(['read-only', 'No interface'])(
  'no view of a page that says "%s" breaks a rule of axe',
  async state => {
    const world = new FakeWorld({ devices: 0, hosts: 0, hostile: false })
    if (state === 'No interface') {
      world.devices = []
    }
    const { feed, address } = await startFeed(world)
    const page = await browser.open(state === 'read-only' ? address.replace(/#.*$/, '') : address)
    await page.locator('header, .about').getByText(state).waitFor()
    await feed.second()
    for (const view of await viewsOf(page)) {
      await showView(page, view)
      expect([view, await violations(page)]).toEqual([view, []])
    }
  },
)
