/** The server's reads from a device, and how often it reads. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ENODEV, EOPNOTSUPP, VnetError } from '#src/base/errno.ts'
import type { CaptureRequest, ControlClient, FoundDevice, SegmentInfo } from '#src/control/index.ts'
import { deviceSource } from '../src/device-sources.ts'
import type { Feed, Packed } from '../src/source.ts'
import type { Vnets } from '../src/vnets.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Reads a segment of `count` hosts for `ms` milliseconds. Returns requests and messages. */
async function readSegment(count: number, ms: number) {
  const asked: (readonly string[] | undefined)[] = []
  const hosts = Array.from({ length: count }, (_, i) => ({
    mac: `${i}`,
    addresses: [],
    router: false,
  }))
  const nothing = {
    leases: [],
    neighbours: [],
    stations: [],
    counters: { frames: {}, dropped: {}, answered: {} },
  }
  const client = {
    async segment(
      _vnet: string,
      _device: FoundDevice,
      kinds?: readonly string[],
    ): Promise<SegmentInfo> {
      asked.push(kinds)
      return { ...nothing, hosts: kinds === undefined ? hosts : [] }
    },
  } as unknown as ControlClient
  const vnets = {
    all: new Map([['1//lan0', { vnet: 'v', name: 'lan0', ifindex: 2 }]]),
  } as unknown as Vnets
  const sent: { readonly segment: SegmentInfo; readonly allHosts?: number }[] = []
  const feed = { send: ({ text }: Packed) => sent.push(JSON.parse(text)) } as unknown as Feed
  const source = deviceSource(vnets, client, '1//lan0', 'segment')
  source?.add(feed)
  await vi.advanceTimersByTimeAsync(ms)
  source?.delete(feed)
  return { asked, sent }
}

test('the hosts of a segment are read every ten seconds, and are in each message in between', async () => {
  const { asked, sent } = await readSegment(1, 11_000)
  const others = ['lease', 'neighbour', 'station', 'counter']
  expect(asked).toEqual([undefined, others, others, others, others, undefined])
  const hosts = [{ mac: '0', addresses: [], router: false }]
  expect(sent.map(({ segment, allHosts }) => [segment.hosts, allHosts])).toEqual(
    asked.map(() => [hosts, undefined]),
  )
})

test('a segment of more than 20,000 hosts lists the first ones, and is read less often', async () => {
  const { asked, sent } = await readSegment(20_001, 11_000)
  expect(asked.filter(kinds => kinds === undefined)).toHaveLength(1)
  expect(sent.map(({ segment, allHosts }) => [segment.hosts.length, allHosts])).toEqual(
    asked.map(() => [20_000, 20_001]),
  )
})

test('the vnet filters if only DHCP frames are wanted', async () => {
  const asked: (CaptureRequest | undefined)[] = []
  const client = {
    async capture(_vnet: string, options?: CaptureRequest) {
      asked.push(options)
      return undefined
    },
  } as unknown as ControlClient
  const device = { vnet: 'v', name: 'lan0', ifindex: 2 }
  const vnets = { all: { get: () => device } } as unknown as Vnets
  for (const want of ['frames', 'dhcp'] as const) {
    deviceSource(vnets, client, '1//lan0', want).add({} as Feed)
    await vi.advanceTimersByTimeAsync(0)
  }
  const options = { devices: [device], snaplen: 512 }
  expect(asked).toEqual([options, { ...options, filter: 'udp port 67 or udp port 68' }])
})

test.each([
  ['22 frames per second, as of a quick ping, are', 22, 1],
  ['more than 40 frames per second are not', 41, 0],
])('%s captured one by one', async (_, rate, captures) => {
  const capture = vi.fn(async () => undefined)
  const device = { vnet: 'v', name: 'sn0', ifindex: 2 }
  const vnets = {
    all: { get: () => device },
    peerOf: () => undefined,
    framesPerSecond: () => rate,
  } as unknown as Vnets
  const feed = {} as Feed
  const source = deviceSource(vnets, { capture } as unknown as ControlClient, '1//sn0', 'flights')
  source.add(feed)
  await vi.advanceTimersByTimeAsync(0)
  source.delete(feed)
  expect(capture).toHaveBeenCalledTimes(captures)
})

test('the lateness of all wires is that of the last interval, and a wire of two ends is read once', async () => {
  const device = (name: string, peer?: string) => ({ vnet: 'v', name, ifindex: 2, peer })
  const all = new Map([
    ['1//ca', device('ca', 'cb')],
    ['1//cb', device('cb', 'ca')],
    ['1//lo0', device('lo0')],
    ['1//gone', device('gone')],
  ])
  /** Packets by lateness; 100 more in the second reading, of which 10 are 4 ms late. */
  const readings = [
    [
      [0.1, 80],
      [9, 20],
    ],
    [
      [0.1, 170],
      [4, 10],
      [9, 20],
    ],
  ]
  const asked: string[] = []
  const client = {
    async wire(_vnet: string, { name }: FoundDevice) {
      asked.push(name)
      if (name === 'lo0') throw new VnetError(EOPNOTSUPP, 'GET_WIRE')
      if (name === 'gone') throw new VnetError(ENODEV, 'GET_WIRE')
      const late = {
        p50: 0,
        p99: 0,
        counts: readings[asked.filter(other => other === 'ca').length - 1],
      }
      return {
        stages: [
          { direction: 'ab', path: '', stage: 'loss' },
          { direction: 'ab', path: '', stage: 'delay', late },
        ],
      }
    },
  } as unknown as ControlClient
  const sent: unknown[] = []
  const feed = { send: ({ text }: Packed) => sent.push(JSON.parse(text)) } as unknown as Feed
  const source = deviceSource({ all } as unknown as Vnets, client, '1//ca', 'late')
  source.add(feed)
  await vi.advanceTimersByTimeAsync(2500)
  source.delete(feed)
  expect(asked).toEqual(['ca', 'lo0', 'gone', 'ca', 'gone'])
  expect(sent).toEqual([
    { type: 'late', id: '1//ca', p99: {}, wires: {} },
    { type: 'late', id: '1//ca', p99: { '1//ca': 4, '1//cb': 4 }, wires: {} },
  ])
})

test('a vnet that hangs does not delay the lateness of the others', async () => {
  vi.useRealTimers()
  const all = new Map(['ca', 'hung'].map(name => [`1//${name}`, { vnet: name, name, ifindex: 2 }]))
  const wire = (_vnet: string, { name }: FoundDevice) =>
    name === 'hung' ? new Promise(() => {}) : Promise.resolve({ stages: [] })
  const source = deviceSource(
    { all } as unknown as Vnets,
    { wire } as unknown as ControlClient,
    '1//ca',
    'late',
  )
  const text = await new Promise<string>(resolve => {
    const feed = {
      send: ({ text }: Packed) => [resolve(text), source.delete(feed)],
    } as unknown as Feed
    source.add(feed)
  })
  expect(JSON.parse(text)).toEqual({ type: 'late', id: '1//ca', p99: {}, wires: {} })
})
