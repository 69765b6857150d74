/** Damaged, truncated and random frames: a host in memory ignores them, and continues to work. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { SEED, scaled } from '#support/scale.ts'
import { PathMtu } from '../src/ip/routes.ts'
import { address, bound, bytes, endpoint, type Host, ping, probe, routed } from './ip-network.ts'

/** Frames of every kind that hosts send, by the port that received them. */
function seen() {
  const world = routed()
  const { network, client, server } = world
  for (const host of [client, server]) {
    bound(host, 6, 53)
  }
  const { send } = probe(client)
  for (const to of ['198.18.2.2', '2001:db8:2::2']) {
    const { socket } = bound(client, to.includes(':') ? 6 : 4, 0)
    for (const length of [1, 1450, 3000]) {
      socket.send(bytes(length), endpoint(to, 53))
      network.run(50)
    }
    socket.send(bytes(9), endpoint(to, 54))
    ping(client.stack, address(to))
    send(to, 100, { ttl: 1 })
    send(to, 1400, { dontFragment: true })
    send(to, 9)
    network.run(50)
  }
  return { ...world, frames: network.frames.splice(0) }
}

function works({ network, client }: ReturnType<typeof seen>): void {
  let replies = 0
  for (const to of ['198.18.2.2', '2001:db8:2::2']) {
    ping(client.stack, address(to), { id: 9, seq: to.length }, () => replies++)
  }
  network.run(100)
  expect(replies).toBe(2)
}

test('truncated frames are ignored', () => {
  const world = seen()
  const { frames, network, near, gate, far, behind } = world
  for (const [i, frame] of frames.entries()) {
    const step = Math.max(1, Math.floor(frame.length / scaled(10_000)))
    for (let length = i % step; length < frame.length; length += step) {
      for (const dev of [near, gate, far, behind]) {
        dev.receive(frame.slice(0, length), 0, length)
      }
    }
    network.run(1)
  }
  network.run(100_000)
  works(world)
})

test('random bytes and frames with random changes are ignored', () => {
  const world = seen()
  const { frames, network, near, gate, far, behind } = world
  const { below } = random(SEED)
  const devs = [near, gate, far, behind]
  const received = (host: Host) =>
    Object.values(host.stack.counters()).reduce((sum, n) => sum + n, 0)
  const before = received(world.router)
  for (let i = 0; i < scaled(500_000); i++) {
    const dev = devs[below(4)] ?? near
    const frame =
      below(8) === 0
        ? bytes(below(200)).map(() => below(256))
        : (frames[below(frames.length)] ?? bytes(0)).slice()
    if (frame.length < 20) continue
    for (let n = below(4); n > 0; n--) {
      frame[14 + below(frame.length - 14)] = below(256)
    }
    frame.set(dev.mac)
    if (below(2) === 0) {
      frame.set(below(2) === 0 ? [0x86, 0xdd] : [8, 0], 12)
    }
    // The checksum of IPv4 is mended, so that the changes are seen.
    if (below(2) === 0) {
      mend(frame)
    }
    dev.receive(frame, 0, frame.length - (below(4) === 0 ? below(frame.length) : 0))
    if (i % 64 === 0) {
      network.run(1)
      network.frames.length = 0
    }
  }
  network.run(700_000)
  expect(received(world.router)).toBeGreaterThan(before)
  for (const dev of devs) {
    dev.setUp(false)
  }
  for (const dev of devs) {
    dev.setUp(true)
  }
  works(world)
})

function mend(frame: Uint8Array): void {
  const length = ((frame[14] ?? 0) & 15) * 4
  if (frame.length < 14 + length || length < 20) return
  frame.fill(0, 24, 26)
  let sum = 0
  for (let at = 14; at < 14 + length; at += 2) {
    sum += (frame[at] ?? 0) * 256 + (frame[at + 1] ?? 0)
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  frame.set([(~sum >>> 8) & 0xff, ~sum & 0xff], 24)
}

test('a host remembers 1,024 paths with a small MTU and forgets the oldest', () => {
  const paths = new PathMtu({ now: () => 0, alarm: () => ({ at() {}, cancel() {} }) })
  const nth = (i: number) => Uint8Array.of(198, 18, i >> 8, i)
  for (let i = 0; i < 1024; i++) {
    paths.report(nth(i), 1000, 1500)
  }
  paths.report(nth(0), 1000, 1500)
  paths.report(nth(1024), 1000, 1500)
  expect([0, 1, 2, 1024].map(i => paths.to(nth(i), 1500))).toEqual([1000, 1500, 1000, 1000])
})
