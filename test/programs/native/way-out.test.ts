/**
 * The process outside a namespace (native/rootless/way-out.cc), with a socket in place of its TUN.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { check } from '#src/linux/errno.ts'
import { builtFile } from '#src/linux/native.ts'
import { AF_INET, SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM } from '#src/linux/uapi.ts'
import { parseAddress } from '#src/packet/address.ts'
import { onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '#src/packet/checksum.ts'
import { IPPROTO_TCP } from '#src/packet/ipv4.ts'
import {
  acknowledgmentNumber,
  destinationPort,
  sourcePort,
  TCP_ACK,
  TCP_RST,
} from '#src/packet/tcp.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { native } from './support.ts'

const directory = freshDirectory()

let child: ChildProcess
let control: number
let gate: number
let listener: number

const pair = () => {
  const made = new Int32Array(2)
  check(native.socketpair(SOCK_SEQPACKET | SOCK_NONBLOCK, made), 'socketpair')
  return [...made] as [number, number]
}

beforeEach(() => {
  const [own, theirs] = pair()
  const [ownGate, theirGate] = pair()
  control = own
  gate = ownGate
  listener = check(native.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, -1), 'socket')
  check(native.listen(listener, 1), 'listen')
  child = spawn(builtFile('vnet-rootless', 'the launcher'), ['--way-out'], {
    stdio: [theirs, 'ignore', 'inherit'],
  })
  const lines = ['-', '-', join(directory, 'log'), '', '', '/bin/sleep', '60']
  const request = Buffer.from(lines.map(line => `${line}\n`).join(''))
  check(
    native.sendDescriptors(control, request, 0, Int32Array.of(theirGate, listener)),
    'sendDescriptors',
  )
  for (const fd of [theirs, theirGate]) {
    native.close(fd)
  }
})
afterEach(async () => {
  const exited = once(child, 'exit')
  for (const fd of [control, gate, listener]) {
    native.close(fd)
  }
  expect(await exited).toEqual([0, null])
})

/** A SYN of a source that does not exist. */
function syn(from: string, to: string): Uint8Array {
  const [source, destination] = [from, to].map(text => parseAddress(text) as Uint8Array) as [
    Uint8Array,
    Uint8Array,
  ]
  const header =
    source.length === 4
      ? [0x45, 0, 0, 40, 0, 0, 0x40, 0, 63, 6, 0, 0, ...source, ...destination]
      : [0x60, 0, 0, 0, 0, 20, 6, 63, ...source, ...destination]
  return Uint8Array.of(
    ...header,
    0x9c,
    0x40,
    0,
    80,
    1,
    2,
    3,
    4,
    0,
    0,
    0,
    0,
    0x50,
    2,
    0xff,
    0xff,
    0,
    0,
    0,
    0,
  )
}

const put = (packet: Uint8Array) => check(native.send(gate, packet, 0), 'send')

async function answer(): Promise<Uint8Array> {
  const into = new Uint8Array(2000)
  let length = -1
  const receive = () => {
    length = native.recv(gate, into, 0)
    return length
  }
  await expect.poll(receive).toBeGreaterThan(0)
  return into.subarray(0, length)
}

const [ICMP, ICMPV6] = [1, 58]

test.each([
  ['the loopback', '198.18.0.1', '127.0.0.1', [3, 13]],
  ['the loopback of IPv6', '2001:db8::1', '::1', [1, 1]],
  ['the loopback, mapped', '2001:db8::1', '::ffff:127.0.0.1', [1, 1]],
  ['the unspecified address', '198.18.0.1', '0.0.0.0', [3, 13]],
  ['an address of no host', '198.18.0.1', '224.0.0.1', [3, 0]],
])('%s is refused with an ICMP error that quotes the SYN', async (_, from, to, code) => {
  const packet = syn(from, to)
  put(packet)
  const reply = await answer()
  const isIpv4 = packet.length === 40
  const [ip, quoted] = isIpv4 ? [20, 28] : [40, 60]
  expect(reply.length).toBe(ip + 8 + quoted)
  expect([...reply.subarray(ip, ip + 2)]).toEqual(code)
  expect(reply.subarray(ip + 8)).toEqual(packet.subarray(0, quoted))
  const addresses = isIpv4 ? [12, 16, 20] : [8, 24, 40]
  expect(reply.subarray(addresses[0], addresses[1])).toEqual(
    packet.subarray(addresses[1], addresses[2]),
  )
  const length = reply.length - ip
  const pseudo = isIpv4 ? 0 : pseudoHeaderSum6(reply, 0, ICMPV6, length)
  expect(onesComplementSum(reply, ip, length, pseudo) % 0xffff).toBe(0)
  if (isIpv4) {
    expect(onesComplementSum(reply, 0, ip) % 0xffff).toBe(0)
  }
  expect(reply[isIpv4 ? 9 : 6]).toBe(isIpv4 ? ICMP : ICMPV6)
})

test('the machine refuses a port that is not open', async () => {
  put(syn('198.18.0.1', '198.19.255.55'))
  const reply = await answer()
  expect([reply.length, reply[33]]).toEqual([40, TCP_RST | TCP_ACK])
  expect(acknowledgmentNumber(reply, 20)).toBe(0x01020305)
  expect([sourcePort(reply, 20), destinationPort(reply, 20)]).toEqual([80, 40_000])
  expect(
    onesComplementSum(reply, 20, 20, pseudoHeaderSum4(reply, 0, IPPROTO_TCP, 20)) % 0xffff,
  ).toBe(0)
})

test('packets without SYN are ignored', async () => {
  const packet = syn('198.18.0.1', '127.0.0.1')
  const changed = (at: number, value: number) => packet.with(at, value)
  put(changed(33, 0x12))
  put(changed(9, 17))
  put(changed(0, 0x4f))
  put(changed(0, 0x41))
  put(changed(32, 0xf0))
  for (let length = 1; length < packet.length; length++) {
    put(packet.subarray(0, length))
  }
  put(syn('2001:db8::1', '::1').with(6, 0))
  put(packet)
  expect((await answer()).length).toBe(56)
  expect(native.recv(gate, new Uint8Array(2000), 0)).toBeLessThan(0)
})
