/** GET_SEGMENT from the driver to the client, up to ten thousand hosts in one dump. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Turns } from '#src/base/turns.ts'
import { ControlClient, type Entry, serveControl } from '#src/control/index.ts'
import type { SegmentEntry, SegmentEntryKind } from '#src/control/protocol/segment-entry.ts'
import { readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory } from '#src/control/sockets/run-directory.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { loadNative } from '#src/linux/native.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const memoryNet = memoryNets()
const native = loadNative()
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 9)
const IP = Uint8Array.of(198, 18, 0, 9)
const IP6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9)

const ENTRIES: readonly SegmentEntry[] = [
  { kind: 'host', name: 'web', mac: MAC, addresses: [IP, IP6], router: true },
  { kind: 'host', name: undefined, mac: MAC, addresses: [], router: false },
  {
    kind: 'lease',
    address: IP,
    mac: '6-02:09',
    clientId: '01:02',
    hostname: 'laptop',
    expires: 1_800_000_000_123,
  },
  {
    kind: 'lease',
    address: IP,
    mac: '',
    clientId: undefined,
    hostname: undefined,
    expires: Number.POSITIVE_INFINITY,
  },
  { kind: 'neighbour', address: IP6, mac: MAC },
  { kind: 'station', name: 'eth9', mac: MAC },
  { kind: 'station', name: 'eth8', mac: undefined },
  { kind: 'counter', group: 'frames', name: 'in', value: 2 ** 53 - 1 },
  { kind: 'counter', group: 'dropped', name: 'UDP_CSUM', value: 1 },
  { kind: 'counter', group: 'answered', name: 'arp', value: 0 },
]

const root = freshDirectory()
const ends = endedAfterEach<Disposable>()

/** A vnet with a driver that reports these entries, and a client. */
async function served(segment?: (kinds: ReadonlySet<SegmentEntryKind>) => Iterable<SegmentEntry>) {
  const clock = new TimerfdClock(native)
  const memory = memoryNet({ turns: new Turns(clock) })
  ends.push({ [Symbol.dispose]: () => clock.close() })
  const { dev } = await addDevice(memory, {}, { name: 'eth9' })
  const module = { name: 'lan', params: {}, values: {}, segment }
  ends.push(serveControl(native, memory.net, { module, directory: join(root, 'vnet') }))
  const client = new ControlClient(native)
  ends.push(client)
  const device = { ifindex: dev.ifindex, name: 'eth9', netns: undefined }
  const [entry] = readDirectories(namedDirectory(join(root, 'vnet')))
  return { ...memory, client, device, vnet: (entry as Entry).vnet }
}

describe('GET_SEGMENT', () => {
  test('GET_SEGMENT returns every entry that the driver reports, with addresses as text', async () => {
    const { client, device, vnet } = await served(() => ENTRIES)
    expect(await client.segment(vnet, device)).toEqual({
      hosts: [
        {
          name: 'web',
          mac: '02:00:00:00:00:09',
          addresses: ['198.18.0.9', '2001:db8:0:1::9'],
          router: true,
        },
        { name: undefined, mac: '02:00:00:00:00:09', addresses: [], router: false },
      ],
      leases: [
        {
          address: '198.18.0.9',
          mac: '6-02:09',
          clientId: '01:02',
          hostname: 'laptop',
          expires: 1_800_000_000_123,
        },
        {
          address: '198.18.0.9',
          mac: '',
          clientId: undefined,
          hostname: undefined,
          expires: Number.POSITIVE_INFINITY,
        },
      ],
      neighbours: [{ address: '2001:db8:0:1::9', mac: '02:00:00:00:00:09' }],
      stations: [
        { name: 'eth9', mac: '02:00:00:00:00:09' },
        { name: 'eth8', mac: undefined },
      ],
      counters: { frames: { in: 2 ** 53 - 1 }, dropped: { UDP_CSUM: 1 }, answered: { arp: 0 } },
    })
  })

  test('GET_SEGMENT returns a counter of any name', async () => {
    const counter = (name: string): SegmentEntry => ({
      kind: 'counter',
      group: 'frames',
      name,
      value: 3,
    })
    const { client, device, vnet } = await served(() => ['__proto__', 'constructor'].map(counter))
    const { counters } = await client.segment(vnet, device)
    expect(Object.entries(counters.frames)).toEqual([
      ['__proto__', 3],
      ['constructor', 3],
    ])
  })

  test.each<[readonly SegmentEntryKind[] | undefined, readonly string[]]>([
    [undefined, ['host', 'lease', 'neighbour', 'station', 'counter']],
    [['lease'], ['lease']],
    [
      ['counter', 'host'],
      ['host', 'counter'],
    ],
    [[], []],
  ])('GET_SEGMENT for the kinds %j requests %j from the driver', async (kinds, wanted) => {
    const asked: SegmentEntryKind[][] = []
    const { client, device, vnet } = await served(kinds => {
      asked.push([...kinds])
      return []
    })
    await client.segment(vnet, device, kinds)
    expect(asked).toEqual([wanted])
  })

  test('GET_SEGMENT returns ten thousand hosts, and reads each of them when its message is sent', async () => {
    let made = 0
    function* many(): Generator<SegmentEntry> {
      for (let i = 0; i < 10_000; i++) {
        made++
        const mac = Uint8Array.of(2, 0, 0, 0, i >> 8, i)
        yield {
          kind: 'host',
          name: `host${i}`,
          mac,
          addresses: [Uint8Array.of(198, 18, i >> 8, i), IP6],
          router: false,
        }
      }
    }
    const { client, device, vnet } = await served(many)
    const answer = client.segment(vnet, device)
    while (made === 0) {
      await new Promise(resolve => setImmediate(resolve))
    }
    // One turn of the event loop makes only a few parts of the dump.
    expect(made).toBeLessThan(1000)
    const { hosts } = await answer
    expect(hosts).toHaveLength(10_000)
    expect(hosts[9999]).toMatchObject({
      name: 'host9999',
      addresses: ['198.18.39.15', '2001:db8:0:1::9'],
    })
    expect(new Set(hosts.map(({ mac }) => mac)).size).toBe(10_000)
  })

  test.each([
    ['a driver without one', undefined, {}, 'EOPNOTSUPP', 'lan has no segment behind its devices'],
    [
      'a device that is not there',
      () => [],
      { name: 'eth7' },
      'ENODEV',
      'there is no such interface',
    ],
  ])('GET_SEGMENT for %s is refused', async (_, segment, which, code, advice) => {
    const { client, device, vnet } = await served(segment)
    await expect(client.segment(vnet, { ...device, ...which })).rejects.toMatchObject({
      code,
      advice,
    })
  })

  test('GET_SEGMENT is EIO and logged if the driver throws, and the next request succeeds', async () => {
    let fails = true
    const { client, device, vnet, lines } = await served(function* () {
      yield* ENTRIES
      if (fails) throw new Error('boom')
    })
    await expect(client.segment(vnet, device)).rejects.toMatchObject({ code: 'EIO' })
    expect(lines.slice(1)).toEqual([expect.stringMatching(/^control: Error: boom/)])
    fails = false
    expect((await client.segment(vnet, device)).hosts).toHaveLength(2)
  })
})
