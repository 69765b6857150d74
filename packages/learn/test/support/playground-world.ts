/** A world of the playground whose time a test moves. */

import { expect, onTestFinished } from 'vitest'
import { CaptureReader } from '#src/capture/reader.ts'
import type { CaptureRecord } from '#src/capture/record.ts'
import type { Driver } from '#src/netdev/driver.ts'
import { exportedDriver } from '#src/netdev/module.ts'
import type { FeedMessage, Message } from '../../../web/src/feed-types.ts'
import { World, type WorldOptions } from '../../src/browser/playground/world.ts'

const START = Date.UTC(2026, 0, 1)

export const driverOf = async (file: string) => exportedDriver(await import(file), file)

/** Starts a world until the end of the test, and collects its messages and lines. */
export async function start(driver: Driver, options: Partial<WorldOptions> = {}) {
  const sent: FeedMessage[] = []
  const told: string[] = []
  const feed = (message: FeedMessage) => sent.push(message)
  const world = await World.make(driver, {
    start: START,
    feed,
    tell: line => told.push(line),
    ...options,
  })
  onTestFinished(() => world.close())
  const all = <T extends FeedMessage['type']>(type: T) =>
    sent.filter((message): message is Message<T> => message.type === type)
  const run = (ms: number) => {
    for (let left = ms; left > 0; left -= 16) {
      world.advance(Math.min(16, left))
    }
  }
  /** Runs until `isReached`, at most for `ms`: it takes time also where nothing happens. */
  const until = (isReached: () => boolean, ms: number) => {
    for (let left = ms; left > 0 && !isReached(); left -= 16) {
      world.advance(16)
    }
  }
  return { world, sent, told, all, run, until }
}

/** Returns the packets of a capture file, without their bytes. */
export function packetsIn(file: Uint8Array) {
  const reader = new CaptureReader('test')
  reader.push(file)
  const found: { drop: CaptureRecord['drop']; interfaceName: string | undefined }[] = []
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
    const { drop, interfaceName } = packet
    found.push({ drop, interfaceName })
  }
  return found
}

/** Expects that datagrams and a transfer arrive over a driver. */
export async function expectTransfer(driver: Driver): Promise<void> {
  const { world, told, run, until } = await start(driver)
  world.send('udp')
  run(100)
  world.send('tcp')
  until(() => told.length === 2, 5000)
  expect(told[0]).toMatch(/^udp: \d+ of 200 arrived$/)
  expect(told[1]).toMatch(/^tcp: 200,000 bytes in (less than 1|\d+) ms, \d+ segments? sent again$/)
}
