/** What the server of the page reads of a device, and how often. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ControlClient, FoundDevice, SegmentInfo } from '../../src/control/index.ts'
import { deviceSource } from '../../src/web/device-sources.ts'
import type { Feed, Packed } from '../../src/web/feed.ts'
import type { Vnets } from '../../src/web/vnets.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('the hosts of a segment are read every ten seconds, and are in each message in between', async () => {
  const asked: (readonly string[] | undefined)[] = []
  const hosts = [{ name: 'host1', mac: '02:00:00:00:00:01', addresses: [], router: false }]
  const nothing = { leases: [], neighbours: [], stations: [], counters: { frames: {}, dropped: {}, answered: {} } }
  const client = {
    async segment(_vnet: string, _device: FoundDevice, kinds?: readonly string[]): Promise<SegmentInfo> {
      asked.push(kinds)
      return { ...nothing, hosts: kinds === undefined ? hosts : [] }
    },
  } as unknown as ControlClient
  const vnets = { known: () => ({ vnet: 'v', name: 'lan0', ifindex: 2 }) } as unknown as Vnets
  const sent: { readonly segment: SegmentInfo }[] = []
  const feed = { send: ({ text }: Packed) => sent.push(JSON.parse(text)) } as unknown as Feed
  const source = deviceSource(vnets, client, '1//lan0', 'segment')
  source?.add(feed)
  await vi.advanceTimersByTimeAsync(11_000)
  source?.delete(feed)
  const others = ['lease', 'neighbour', 'station', 'counter']
  expect(asked).toEqual([undefined, others, others, others, others, undefined])
  expect(sent.map(({ segment }) => segment.hosts)).toEqual(asked.map(() => hosts))
})
