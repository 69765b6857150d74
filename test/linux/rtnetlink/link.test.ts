/** What an RTM_NEWLINK says of an interface. */
import { expect, test } from 'vitest'
import { parseLink } from '#src/linux/rtnetlink/link.ts'
import {
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  RTM_NEWLINK,
} from '#src/linux/uapi.ts'
import { MessageBuilder, messages } from '#src/netlink/index.ts'

/** The family of a message about a port of a bridge. */
const AF_BRIDGE = 7

/** Parses a message with the index 7, the flags UP and RUNNING, and these attributes. */
function parsed(family: number, add: (builder: MessageBuilder) => void) {
  const header = Uint8Array.of(family, 0, 1, 0, 7, 0, 0, 0, 0x41, 0, 0, 0, 0, 0, 0, 0)
  const builder = new MessageBuilder().message(RTM_NEWLINK, 0, 0).payload(header)
  add(builder)
  const bytes = builder.bytes.slice()
  const [message] = messages(bytes)
  return parseLink(bytes, message!)
}

test('a TAP has its index, name, MTU, flags, address and kind', () => {
  const link = parsed(0, builder =>
    builder
      .string(IFLA_IFNAME, 'eth9')
      .u32(IFLA_MTU, 1500)
      .binary(IFLA_ADDRESS, Uint8Array.of(2, 0, 0, 0, 0, 9))
      .nested(IFLA_LINKINFO, info => info.string(IFLA_INFO_KIND, 'tun')),
  )
  expect(link).toMatchObject({ ifindex: 7, name: 'eth9', type: 1, flags: 0x41, mtu: 1500 })
  expect(link).toMatchObject({ kind: 'tun', tun: undefined, altNames: [], carrier: false })
  expect([...(link?.address ?? [])]).toEqual([2, 0, 0, 0, 0, 9])
})

test('a message about the port of a bridge, or without a name, is about no interface', () => {
  const named = (builder: MessageBuilder) => builder.string(IFLA_IFNAME, 'eth9').u32(IFLA_MTU, 1500)
  expect(parsed(0, named)?.name).toBe('eth9')
  expect(parsed(AF_BRIDGE, named)).toBeUndefined()
  expect(parsed(0, builder => builder.u32(IFLA_MTU, 1500))).toBeUndefined()
})
