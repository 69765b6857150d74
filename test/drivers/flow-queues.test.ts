/**
 * FlowQueues: both directions of a flow return on the queue of its first frame, whatever queue the
 * kernel uses.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { flipNetwork } from '#src/drivers/flip/hidden-loopback.ts'
import { FlowQueues } from '#src/drivers/flow-queues.ts'
import type { SkBuffPool } from '#src/skb/pool.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { address, buildFrame, type Frame, type Packet, plain, plain6 } from '../packet/frames.ts'

let pool: SkBuffPool
let clock: FakeClock
let flows: FlowQueues

beforeEach(() => {
  pool = new PoisonedPool({ large: 2, small: 2 })
  clock = new FakeClock()
  flows = new FlowQueues(clock)
})
afterEach(() => expect(pool.out).toBe(0))

/**
 * Sends a frame from the kernel on `queue`, with ports if it has any. Returns the queue on which it
 * goes back.
 */
function steered(
  queue: number,
  packet: Packet,
  ports?: readonly [number, number],
  tags: Frame['tags'] = [],
): number {
  const octets = buildFrame({ packet, tags, padding: [] })
  const skb = pool.alloc(octets.length)
  if (skb === undefined) throw new Error('no slot')
  skb.bytes.set(octets, skb.data)
  skb.put(octets.length)
  const h =
    skb.data +
    14 +
    4 * tags.length +
    (packet.source.length === 16 ? 40 : 20 + packet.options.length)
  for (const [i, port] of (ports ?? []).entries()) {
    skb.bytes.set([port >> 8, port & 255], h + 2 * i)
  }
  expect(flipNetwork(skb)).toBe(0)
  skb.queueMapping = queue
  flows.steer(skb)
  const { queueMapping } = skb
  skb.free()
  return queueMapping
}

const there4: Packet = {
  ...plain,
  source: address('198.18.0.1'),
  destination: address('198.18.0.2'),
}
const back4: Packet = {
  ...plain,
  source: address('198.18.1.2'),
  destination: address('198.18.1.1'),
}
const there6: Packet = {
  ...plain6,
  source: address('2001:db8:0:0:0:0:0:1'),
  destination: address('2001:db8:0:0:0:0:0:2'),
}
const back6: Packet = {
  ...plain6,
  source: address('2001:db8:0:1:0:0:0:2'),
  destination: address('2001:db8:0:1:0:0:0:1'),
}

describe.each([
  ['IPv4', there4, back4],
  ['IPv6', there6, back6],
] as const)('%s', (_, there, back) => {
  test.each(['tcp', 'udp'] as const)(
    '%s: a flow and its replies stay on the queue of its first frame',
    kind => {
      expect(steered(3, { ...there, kind }, [1000, 80])).toBe(3)
      expect(steered(1, { ...back, kind }, [80, 1000])).toBe(3)
      expect(steered(0, { ...there, kind }, [1000, 80])).toBe(3)
      // The same ports between the reversed addresses are another flow.
      expect(steered(2, { ...back, kind }, [1000, 80])).toBe(2)
      expect(steered(1, { ...there, kind }, [80, 1000])).toBe(2)
    },
  )

  test('flows with other ports, addresses and protocols have queues of their own', () => {
    expect(steered(0, { ...there, kind: 'tcp' }, [1000, 80])).toBe(0)
    expect(steered(1, { ...there, kind: 'udp' }, [1000, 80])).toBe(1)
    expect(steered(2, { ...there, kind: 'tcp' }, [1001, 80])).toBe(2)
    expect(steered(3, { ...there, kind: 'tcp' }, [1000, 81])).toBe(3)
    const last = there.source.length - 1
    const other = there.source.map((octet, i) => (i === last ? 9 : octet))
    expect(steered(4, { ...there, kind: 'tcp', source: other }, [1000, 80])).toBe(4)
    expect(steered(5, { ...there, kind: 'tcp', destination: other }, [1000, 80])).toBe(5)
  })

  test('a VLAN tag does not change the queue of a flow', () => {
    const tags = [{ type: 0x8100, tci: 5 }]
    expect(steered(2, { ...there, kind: 'tcp' }, [1000, 80], tags)).toBe(2)
    expect(steered(1, { ...back, kind: 'tcp' }, [80, 1000], tags)).toBe(2)
  })

  test.each(['other', 'dccp', 'udplite'] as const)(
    '%s frames go back on the queue they came from',
    kind => {
      for (const queue of [0, 3, 1]) {
        expect(steered(queue, { ...there, kind })).toBe(queue)
      }
    },
  )

  test('all ICMP between two hosts is one flow', () => {
    expect(steered(3, { ...there, kind: 'icmp' })).toBe(3)
    expect(steered(1, { ...back, kind: 'icmp', reply: true })).toBe(3)
    expect(steered(0, { ...back, kind: 'icmp', identification: 9 })).toBe(3)
  })

  test('all fragments of a protocol between two hosts are one flow, apart from its whole packets', () => {
    const payload = Array(64).fill(7)
    expect(steered(1, { ...there, kind: 'udp' }, [1000, 80])).toBe(1)
    for (const [i, first] of [true, false].entries()) {
      const packet = { kind: 'udp', payload, fragment: { first, at: 32 } } as const
      expect(steered(2 + i, { ...there, ...packet })).toBe(2)
      expect(steered(3, { ...back, ...packet })).toBe(2)
    }
    expect(steered(0, { ...back, kind: 'udp' }, [80, 1000])).toBe(1)
  })
})

test('a flow is forgotten after three seconds without a frame, but not within one', () => {
  const tcp: Packet = { ...there4, kind: 'tcp' }
  const answer: Packet = { ...back4, kind: 'tcp' }
  for (const start of [0, 0.3, 0.99]) {
    flows = new FlowQueues(clock)
    clock.advance(start * NSEC_PER_SEC)
    expect(steered(1, tcp, [1000, 80])).toBe(1)
    for (let i = 0; i < 20; i++) {
      clock.advance(0.99 * NSEC_PER_SEC)
      expect(steered(2, answer, [80, 1000])).toBe(1)
    }
    clock.advance(3 * NSEC_PER_SEC)
    expect(steered(2, answer, [80, 1000])).toBe(2)
    expect(steered(1, tcp, [1000, 80])).toBe(2)
    clock.advance(3 * NSEC_PER_SEC)
  }
})

test('no alarm is armed while no frame arrives', () => {
  expect(clock.armed).toBe(0)
  steered(1, { ...there4, kind: 'tcp' }, [1000, 80])
  expect(clock.armed).toBe(1)
  clock.advance(10 * NSEC_PER_SEC)
  expect(clock.armed).toBe(0)
})

test('a thousand flows at a time each keep their queue', () => {
  const FLOWS = 1000
  const tcp: Packet = { ...there4, kind: 'tcp' }
  const answer: Packet = { ...back4, kind: 'tcp' }
  for (let i = 0; i < FLOWS; i++) {
    expect(steered(i % 251, tcp, [i + 1, 80])).toBe(i % 251)
  }
  let kept = 0
  for (let i = 0; i < FLOWS; i++) {
    if (steered(255, answer, [80, i + 1]) === i % 251) {
      kept++
    }
  }
  expect(kept).toBe(FLOWS)
})
