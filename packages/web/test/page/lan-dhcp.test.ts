/** DHCP conversations among the frames of a port. */
import { expect, test } from 'vitest'
import {
  build,
  DHCPACK,
  DHCPDISCOVER,
  DHCPOFFER,
  DHCPREQUEST,
  DHO_HOST_NAME,
  DHO_MESSAGE_TYPE,
  DHO_REQUESTED_ADDRESS,
} from '#src/packet/dhcp.ts'
import { dhcpHeader, type Header } from '#src/packet/fields-upper.ts'
import type { FrameRow } from '../../src/feed-types.ts'
import { conversations, type DhcpTransaction } from '../../src/page/lan-segment.ts'

let number = 0
const frame = (time: number, header: Header, dropped?: string): FrameRow => ({
  number: ++number,
  time,
  id: '1//lan0',
  direction: 'tx',
  queue: 0,
  length: 342,
  dropped,
  text: '',
  bytes: '',
  headers: [{ name: 'Ethernet', fields: [] }, header],
})

interface Given {
  readonly xid?: number
  readonly yiaddr?: number
  readonly requested?: Uint8Array
  readonly hostname?: string
}

/** A message as the server of the page shows it. */
const dhcp = (
  time: number,
  type: number,
  { xid = 0x12345678, ...given }: Given = {},
  dropped?: string,
) => {
  const options = new Map<number, Uint8Array>([[DHO_MESSAGE_TYPE, Uint8Array.of(type)]])
  if (given.requested !== undefined) {
    options.set(DHO_REQUESTED_ADDRESS, given.requested)
  }
  if (given.hostname !== undefined) {
    options.set(DHO_HOST_NAME, new TextEncoder().encode(given.hostname))
  }
  const none = new Uint8Array()
  const { data } = build({
    op: 1,
    htype: 1,
    hops: 0,
    xid,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    siaddr: 0,
    giaddr: 0,
    sname: none,
    file: none,
    yiaddr: given.yiaddr ?? 0,
    chaddr: Uint8Array.of(2, 0, 0, 0, 0, 9),
    options,
  })
  return frame(time, dhcpHeader(data), dropped)
}

test('the messages of a transaction are one conversation, with the addresses in them', () => {
  const offered = { yiaddr: 0xc6120064 }
  const list = conversations(
    [],
    [
      dhcp(1000, DHCPDISCOVER, { hostname: 'laptop' }),
      frame(1001, { name: 'ARP', fields: [] }),
      dhcp(1250, DHCPOFFER, offered),
      dhcp(1251, DHCPREQUEST, { requested: Uint8Array.of(198, 18, 0, 100) }),
      dhcp(1252, DHCPACK, offered),
    ],
  )
  const [{ messages, ...about }, ...others] = list as [DhcpTransaction]
  expect(others).toEqual([])
  expect(about).toEqual({
    client: '02:00:00:00:00:09',
    transaction: '0x12345678',
    hostname: 'laptop',
  })
  expect(messages.map(({ time, type, address }) => [time, type, address])).toEqual([
    [1000, 'DISCOVER', undefined],
    [1250, 'OFFER', '198.18.0.100'],
    [1251, 'REQUEST', '198.18.0.100'],
    [1252, 'ACK', '198.18.0.100'],
  ])
})

test('the conversation with the latest message comes first', () => {
  const other = { xid: 2 }
  const list = conversations(
    [],
    [dhcp(1, DHCPDISCOVER), dhcp(2, DHCPDISCOVER, other), dhcp(3, DHCPOFFER)],
  )
  expect(list.map(({ transaction }) => transaction)).toEqual(['0x12345678', '0x00000002'])
})

test('a message that was dropped says why', () => {
  const list = conversations([], [dhcp(1, DHCPDISCOVER, {}, 'wire ab, stage 1 loss 5%')])
  expect(list[0]?.messages[0]?.dropped).toBe('wire ab, stage 1 loss 5%')
})

test('frames of other protocols, and malformed messages, start no conversation', () => {
  const list = conversations(
    [],
    [frame(1, dhcpHeader(new Uint8Array(300))), frame(1, { name: 'UDP', fields: [] })],
  )
  expect(list).toEqual([])
})

test('a flood of clients and of messages is kept within bounds', () => {
  let list: readonly DhcpTransaction[] = []
  for (let i = 0; i < 1000; i++) {
    list = conversations(list, [dhcp(i, DHCPDISCOVER, { xid: i })])
  }
  for (let i = 0; i < 1000; i++) {
    list = conversations(list, [dhcp(1000 + i, DHCPDISCOVER)])
  }
  expect(list).toHaveLength(20)
  expect(list[0]?.messages.map(({ time }) => time)).toEqual(
    Array.from({ length: 12 }, (_, i) => 1988 + i),
  )
})
