/** Which packets of a capture are replayed, and why others are not. */
import { expect, test } from 'vitest'
import { CaptureRecord } from '#src/capture/record.ts'
import { type Selection, skipReason } from '#src/cli/replay/selection.ts'

const [IN, OUT] = [1, 2]
const OUTBOUND = { flags: OUT, packetId: 7, interfaceName: 'a' }
const INBOUND = { flags: IN, packetId: 7, interfaceIndex: 3, interfaceName: 'b' }
/** A received frame of interface 1 that no device of the capture sent. */
const FROM_LAN = { flags: IN, packetId: 2 ** 40 + 7, interfaceIndex: 1 }
const MADE = { flags: IN, packetId: 2 ** 40 + 2 ** 39 + 1, interfaceIndex: 1 }

function reason(of: Partial<CaptureRecord>, selection: Selection = {}): string | undefined {
  const record = Object.assign(new CaptureRecord(), {
    linkType: 1,
    capturedLength: 60,
    originalLength: 60,
  })
  // `comments` and `frame` are accessors.
  return skipReason(Object.assign(record, of), selection)
}

test('a whole Ethernet frame is replayed, also one without flags, and one of the shortest', () => {
  expect([
    reason({}),
    reason(OUTBOUND),
    reason({ capturedLength: 14, originalLength: 14 }),
  ]).toEqual([undefined, undefined, undefined])
})

test.each([
  ['not Ethernet', { linkType: 101 }],
  ['cut short by a snaplen', { originalLength: 61 }],
  ['shorter than an Ethernet header', { capturedLength: 13, originalLength: 13 }],
  ['dropped, as the capture says', { verdict: 2, verdictType: 1 }],
  ['dropped, as the capture says', { verdict: 1, verdictType: 2 }],
])('a packet is skipped that is %s', (why, record) => {
  expect(reason(record)).toBe(why)
})

test('a verdict other than a drop has no drop reason', () => {
  expect([reason({ verdict: 0, verdictType: 1 }), reason({ verdict: 2, verdictType: 2 })]).toEqual([
    undefined,
    undefined,
  ])
})

test('a received frame is skipped if a vnet captured it as sent, too, or if the wire made it', () => {
  const reasons = [INBOUND, MADE, FROM_LAN, { flags: IN }].map(each => reason(each))
  expect(reasons).toEqual([
    'received by the interface',
    'received by the interface',
    undefined,
    undefined,
  ])
})

test('a direction is chosen; a packet without one is always replayed', () => {
  const all = (direction: Selection['direction']) =>
    [OUTBOUND, INBOUND, {}].map(each => reason(each, { direction }))
  expect(all('out')).toEqual([undefined, 'received by the interface', undefined])
  expect(all('in')).toEqual(['sent by the interface', undefined, undefined])
  expect(all('all')).toEqual([undefined, undefined, undefined])
})

test('an interface is chosen by its name', () => {
  const all = [OUTBOUND, INBOUND, {}].map(each => reason(each, { interface: 'b', direction: 'in' }))
  expect(all).toEqual(['of another interface', undefined, 'of another interface'])
})
