/** The server's record of the vnets that pages see. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { commands, vnetAttributes as of } from '#src/control/protocol/family.ts'
import { loadNative } from '#src/linux/native.ts'
import { FakeVnet } from '#support/fake-vnet.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import type { Feed } from '../src/source.ts'
import { Vnets } from '../src/vnets.ts'
import { usual } from './served.ts'

/** A client that calls `before` before it subscribes. */
class LateClient extends ControlClient {
  before = () => {}

  override async subscribe(...args: Parameters<ControlClient['subscribe']>) {
    this.before()
    return super.subscribe(...args)
  }
}

test('a subscription that starts after the reading has stopped ends immediately', async () => {
  const directory = testDirectory()
  using client = new LateClient(loadNative())
  using fake = new FakeVnet(directory, usual)
  const nothing = () => {}
  const vnets = new Vnets({ client, version: '1.2.3', directory }, nothing, nothing)
  const feed = { send: () => true } as unknown as Feed
  client.before = () => vnets.stop()
  vnets.add(feed)
  await fake.hears(commands.subscribe.cmd, 2)
  expect(fake.asked.at(-1)?.attributes).toEqual({ [of.events.type]: Uint8Array.of(0, 0, 0, 0) })
})

test('the reading stops when no page has been open for ten minutes', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const directory = testDirectory()
  using client = new ControlClient(loadNative())
  const nothing = () => {}
  const vnets = new Vnets({ client, version: '1.2.3', directory }, nothing, nothing)
  const stop = vi.spyOn(vnets, 'stop')
  const feed = { send: () => true } as unknown as Feed
  for (let round = 0; round < 2; round++) {
    vnets.add(feed)
    vnets.delete(feed)
    vi.advanceTimersByTime(599_999)
  }
  expect(stop).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect([stop.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0])
})
