/** The page does not grow: what it keeps of the past has a fixed size. */
import type { CDPSession } from 'playwright-core'
import { expect, test } from 'vitest'
import { showView, startFeed, TestBrowser, viewsOf } from '../../support/web/browser.ts'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'
import { hasStatisticsOf, noteStatistics } from '../../support/web/in-page.mjs'

/** Without a JIT: compiled code is part of the heap, and grows for an hour. */
const browser = new TestBrowser({ args: ['--js-flags=--jitless'] })

const MINUTE = 60_000
/** Bytes by which a heap may differ without a leak: caches of strings, frames not yet drawn. */
const SLACK = 1024 * 1024

/** Bytes of the heap after a collection, nodes of the document, and listeners. */
async function sizes(session: CDPSession) {
  await session.send('HeapProfiler.collectGarbage')
  const { metrics } = await session.send('Performance.getMetrics')
  const value = (name: string) => metrics.find(metric => metric.name === name)!.value
  return {
    heap: value('JSHeapUsedSize'),
    nodes: value('Nodes'),
    listeners: value('JSEventListeners'),
  }
}

test('half an hour of traffic leaves a page as large as before', async () => {
  const world = new FakeWorld({ devices: 5, hosts: 50, hostile: false })
  const { feed, address } = await startFeed(world)
  const page = await browser.open(`${address}#driver/${SNULL}`, {
    prepare: async page => {
      await page.addInitScript(noteStatistics)
      await page.clock.install({ time: world.time })
    },
  })
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const views = await viewsOf(page)
  /** Minutes of messages, and of the page's own time, with each view in turn. */
  async function pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      await showView(page, views[minute % views.length]!)
      for (let i = 0; i < 60; i++) {
        await feed.second()
        if (i % 5 === 4) {
          await page.clock.fastForward(5000)
        }
      }
      await page.waitForFunction(hasStatisticsOf, world.time)
    }
    await showView(page, views[0]!)
  }
  await pass(12)
  const before = await sizes(session)
  await pass(30)
  const after = await sizes(session)
  expect(world.time - world.start).toBeGreaterThan(41 * MINUTE)
  expect(after.nodes - before.nodes).toBeLessThan(500)
  expect(after.listeners - before.listeners).toBeLessThan(50)
  expect(after.heap - before.heap).toBeLessThan(SLACK)
})
