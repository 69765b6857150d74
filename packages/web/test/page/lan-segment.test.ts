/** The boxes in the picture of a segment. */
import { describe, expect, test } from 'vitest'
import type { SegmentInfo } from '../../src/feed-types.ts'
import { type BoxGroup, groupsOf } from '../../src/page/lan-segment.ts'

const host = (i: number, router = false) => ({
  name: router ? 'gateway' : `host${i}`,
  mac: `02:00:00:00:00:${i}`,
  addresses: [`198.18.0.${i}`, `fe80::${i}`],
  router,
})
const nothing = { frames: {}, dropped: {}, answered: {} }
const segment = (of: Partial<SegmentInfo>): SegmentInfo => ({
  hosts: [],
  leases: [],
  neighbours: [],
  stations: [],
  counters: nothing,
  ...of,
})

describe('groupsOf', () => {
  test('a port has the addresses that were heard or leased on it, each once', () => {
    const mac = '02:00:00:00:00:09'
    const { boxes } = groupsOf(
      segment({
        stations: [{ name: 'lan0', mac }, { name: 'lan1' }],
        leases: [{ address: '198.18.0.9', mac, hostname: 'laptop', expires: 0 }],
        neighbours: ['198.18.0.9', 'fe80::9', '2001:db8::9'].map(address => ({ address, mac })),
      }),
      12,
    )[0] as BoxGroup
    expect(boxes).toEqual([
      { kind: 'port', lines: ['lan0', mac, '198.18.0.9', '2001:db8::9'] },
      { kind: 'port', lines: ['lan1'] },
    ])
  })

  test('a port with many stations says how many there are', () => {
    const stations = Array.from({ length: 40 }, (_, i) => ({ name: 'uplink', mac: `02:00:00:00:01:${i}` }))
    const { title, boxes } = groupsOf(segment({ stations }), 12)[0] as BoxGroup
    expect(title).toBe('1 port')
    expect(boxes[0]?.lines).toEqual(['uplink', '02:00:00:00:01:0', '02:00:00:00:01:1', '38 more'])
  })

  test('the gateway comes first, without link-local addresses', () => {
    const { boxes } = groupsOf(segment({ hosts: [host(2), host(1, true)] }), 12)[1] as BoxGroup
    expect(boxes).toEqual([
      { kind: 'gateway', lines: ['gateway', '198.18.0.1'] },
      { kind: 'host', lines: ['host2', '198.18.0.2'] },
    ])
  })

  test('many hosts are drawn as the requested number of boxes, the last of which counts the others', () => {
    const hosts = Array.from({ length: 10_001 }, (_, i) => host(i, i === 0))
    const { title, boxes } = groupsOf(segment({ hosts }), 12)[1] as BoxGroup
    expect(title).toBe('10,001 hosts')
    expect(boxes).toHaveLength(12)
    expect(boxes.at(-1)).toEqual({ kind: 'more', lines: ['9,990 more hosts', 'in the list below'] })
  })
})

test('unlisted hosts are counted too', () => {
  const hosts = Array.from({ length: 20 }, (_, i) => host(i, i === 0))
  const { title, boxes } = groupsOf(segment({ hosts }), 12, 100_001)[1] as BoxGroup
  expect([title, boxes.at(-1)?.lines[0]]).toEqual(['100,001 hosts', '99,990 more hosts'])
})
