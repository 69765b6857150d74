/** Names, frames and errors with markup in them are text on the page, and nothing else. */
import { expect, test } from 'vitest'
import { showView, startFeed, TestBrowser, viewsOf } from '../../support/web/browser.ts'
import { CABLE, FakeWorld, HOSTILE_NAMES, LAN, SNULL } from '../../support/web/fake-world.mjs'
import { allTexts, findForeign } from '../../support/web/in-page.mjs'
import { POISON, poisoned } from '../../support/web/poison.ts'

const browser = new TestBrowser()

test('interfaces with markup in their names are listed, and shown, under these names', async () => {
  const { address } = await startFeed(new FakeWorld({ devices: 0, hosts: 0 }))
  const page = await browser.open(address)
  for (const [name, netns] of HOSTILE_NAMES) {
    const label = netns === undefined ? name! : `${netns}/${name}`
    await page.getByRole('link').filter({ hasText: label }).click()
    await page.getByRole('heading', { name: label, exact: true, level: 1 }).waitFor()
    expect(await page.evaluate(findForeign)).toEqual([])
  }
})

test.each([SNULL, CABLE, LAN])(
  'markup in any text about %s is shown as text by every view',
  async device => {
    const { feed, address } = await startFeed(
      new FakeWorld({ devices: 2, hosts: 30, lab: 2 }),
      poisoned,
    )
    const page = await browser.open(`${address}#driver/${device}`)
    feed.world.command(device, { do: 'step', mode: 'on' })
    for (const view of await viewsOf(page)) {
      await showView(page, view)
      await feed.second()
      await feed.second()
      await feed.send({ type: 'problem', text: 'red: EACCES' })
      await page.getByText('red: EACCES').waitFor()
      expect([view, await page.evaluate(findForeign)]).toEqual([view, []])
      expect(await page.locator('#view').evaluate(allTexts)).toContain(POISON)
    }
  },
)
