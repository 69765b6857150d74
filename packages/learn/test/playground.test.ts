/** The world of the playground, whose time these tests move. */

import type { FeedMessage, Message } from '@vnet/web/internal/feed-types'
import { afterEach, describe, expect, test } from 'vitest'
import { cable, loop, snull } from 'vnet/internal/drivers/index'
import type { Driver } from 'vnet/internal/netdev/driver'
import { World, type WorldOptions } from '../src/browser/playground/world.ts'

const START = Date.UTC(2026, 0, 1)
const worlds: World[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** Starts a world, and collects its messages and lines. */
async function start(driver: Driver, options: Partial<WorldOptions> = {}) {
  const sent: FeedMessage[] = []
  const told: string[] = []
  const feed = (message: FeedMessage) => sent.push(message)
  const world = await World.make(driver, { start: START, feed, tell: line => told.push(line), ...options })
  worlds.push(world)
  const all = <T extends FeedMessage['type']>(type: T) =>
    sent.filter((message): message is Message<T> => message.type === type)
  const run = (ms: number) => {
    for (let left = ms; left > 0; left -= 16) world.advance(Math.min(16, left))
  }
  return { world, sent, told, all, run }
}

describe.each([
  ['cable', cable as Driver, ['1//a', '1//b']],
  ['snull', snull as Driver, ['1//sn0', '1//sn1']],
  ['loop', loop as Driver, ['1//vnet0']],
])('%s', (_, driver, ids) => {
  test('replies to a ping, and its frames are counted', async () => {
    const { world, told, all, run } = await start(driver)
    world.send('ping')
    run(3000)
    expect(told).toEqual([expect.stringMatching(/^ping 198\.18\.0\.2: 5 sent, 5 received, [\d.]+ ms$/)])
    expect(
      all('hello')
        .at(-1)
        ?.vnets.flatMap(({ devices }) => devices.map(({ id }) => id)),
    ).toEqual(ids)
    const { devices } = all('stats').at(-1) as Message<'stats'>
    for (const { rxPackets, txPackets } of devices) expect([rxPackets, txPackets]).toEqual([txPackets, rxPackets])
    expect(devices[0]?.txPackets).toBeGreaterThanOrEqual(5)
    expect(world.bed.balance().held).toBe(0)
  })

  test('carries datagrams and a transfer', async () => {
    const { world, told, run } = await start(driver)
    world.send('udp')
    run(100)
    world.send('tcp')
    run(5000)
    expect(told[0]).toMatch(/^udp: \d+ of 200 arrived$/)
    expect(told[1]).toMatch(/^tcp: 200,000 bytes in [\d.]+ s, \d+ segments? sent again$/)
  })
})
