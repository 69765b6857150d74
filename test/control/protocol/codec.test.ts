import { expect, test } from 'vitest'
import { address, mac } from '#src/control/protocol/codec.ts'
import { decodeAttributes, MessageBuilder, NLMSG_HDRLEN, policy } from '#src/netlink/index.ts'

test('hardware and IP addresses are decoded to text wherever they are in a message', () => {
  const addresses = policy({ first: mac(1), second: mac(2), ip: address(3) })
  const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const builder = new MessageBuilder().message(16, 0, 0)
  builder
    .binary(1, hardware)
    .binary(2, hardware)
    .binary(3, Uint8Array.of(198, 18, 0, 1))
  const text = '02:00:00:00:00:01'
  expect(decodeAttributes(addresses, builder.bytes, NLMSG_HDRLEN)).toEqual({
    first: text,
    second: text,
    ip: '198.18.0.1',
  })
})
