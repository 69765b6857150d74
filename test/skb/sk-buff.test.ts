import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SKB_DROP_REASON_FULL_RING, SKB_DROP_REASON_NOT_SPECIFIED } from '#src/skb/drop-reason.ts'
import * as owners from '#src/skb/error.ts'
import {
  FRAME_MAX,
  FRAME_SMALL,
  HEADROOM,
  SkBuffPool,
  SLOT_LARGE,
  SLOT_SMALL,
} from '#src/skb/pool.ts'
import { CHECKSUM_PARTIAL, PACKET_OTHERHOST, SKB_GSO_TCPV4, type SkBuff } from '#src/skb/sk-buff.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { octetsOf, skbOf } from '#support/skb.ts'

let pool: SkBuffPool

beforeEach(() => {
  pool = new PoisonedPool({ large: 4, small: 8 })
})

afterEach(() => {
  expect(pool.out).toBe(0)
})

/** A device that counts deliveries and drops. */
function device() {
  const drops: number[] = []
  const received: number[] = []
  return {
    name: 'test0',
    drops,
    received,
    countDrop: (_: SkBuff, reason: number) => void drops.push(reason),
    countReceived: (skb: SkBuff) => void received.push(skb.len),
  }
}

const alloc = (octets: ArrayLike<number> = []): SkBuff => skbOf(pool, octets)

describe('a fresh frame', () => {
  test('a new frame is empty, with the usual headroom and the rest of its slot as tailroom', () => {
    const skb = alloc()
    expect([skb.len, skb.headroom(), skb.tailroom()]).toEqual([0, HEADROOM, FRAME_SMALL])
    // NET_IP_ALIGN: the IP header of an untagged frame is at a multiple of four.
    expect((skb.data + 14) % 4).toBe(0)
    skb.free()
  })

  test('a new frame has no field of the previous frame in its slot', () => {
    const before = alloc([1, 2, 3])
    const { dev: none, ...fresh } = fieldsOf(before)
    before.dev = device()
    before.protocol = 0x800
    before.pktType = PACKET_OTHERHOST
    before.ipSummed = CHECKSUM_PARTIAL
    before.csumStart = 1
    before.csumOffset = 1
    before.gsoSize = 1448
    before.gsoType = SKB_GSO_TCPV4
    before.queueMapping = 3
    before.mac = before.data
    before.nh = before.data
    before.h = before.data
    before.push(20)
    before.free()
    const after = alloc([1, 2, 3])
    expect(after).toBe(before)
    expect(fieldsOf(after)).toEqual({ dev: none, ...fresh })
    after.free()
  })
})

function fieldsOf(skb: SkBuff) {
  const {
    data,
    len,
    dev,
    protocol,
    pktType,
    ipSummed,
    csumStart,
    csumOffset,
    gsoSize,
    gsoType,
    queueMapping,
  } = skb
  const positions = { mac: skb.mac, nh: skb.nh, h: skb.h }
  return {
    data,
    len,
    dev,
    protocol,
    pktType,
    ipSummed,
    csumStart,
    csumOffset,
    gsoSize,
    gsoType,
    queueMapping,
    ...positions,
  }
}

describe('put', () => {
  test('put adds bytes at the end and returns their position', () => {
    const skb = alloc([1, 2])
    expect(skb.put(3)).toBe(skb.data + 2)
    expect([skb.len, skb.tailroom()]).toEqual([5, FRAME_SMALL - 5])
    skb.free()
  })

  test('put uses all of the tailroom, and throws with both sizes on one byte more', () => {
    const skb = alloc([1, 2])
    skb.put(skb.tailroom())
    expect(skb.data + skb.len).toBe(skb.end)
    expect(() => skb.put(1)).toThrow(/^skb_over_panic: skb_put of 1 bytes where 0 are left, /)
    skb.trim(10)
    expect(() => skb.put(5000)).toThrow(`skb_put of 5000 bytes where ${FRAME_SMALL - 10} are left`)
    expect(skb.len).toBe(10)
    skb.free()
  })
})

describe('push', () => {
  test('push adds bytes at the start and returns the new start', () => {
    const skb = alloc([1, 2])
    const { data } = skb
    expect(skb.push(14)).toBe(data - 14)
    expect([skb.data, skb.len, skb.headroom()]).toEqual([data - 14, 16, HEADROOM - 14])
    skb.free()
  })

  test("push uses all of the headroom, and throws before it reaches the port's room", () => {
    const skb = alloc([1])
    skb.push(HEADROOM)
    expect(skb.data).toBe(skb.head)
    expect(() => skb.push(1)).toThrow(/^skb_under_panic: skb_push of 1 bytes where 0 are left, /)
    skb.pull(30)
    expect(() => skb.push(31)).toThrow('skb_push of 31 bytes where 30 are left')
    expect(skb.len).toBe(HEADROOM - 29)
    skb.free()
  })
})

describe('pull', () => {
  test('pull removes bytes from the start', () => {
    const skb = alloc([1, 2, 3, 4])
    const { data } = skb
    expect(skb.pull(3)).toBe(data + 3)
    expect(octetsOf(skb)).toEqual([4])
    skb.free()
  })

  test('pull throws if the frame has fewer bytes', () => {
    const skb = alloc([1, 2, 3, 4])
    expect(() => skb.pull(5)).toThrow(/^skb_over_panic: skb_pull of 5 bytes where 4 are left, /)
    expect(octetsOf(skb)).toEqual([1, 2, 3, 4])
    skb.free()
  })
})

describe('reserve', () => {
  test('reserve moves the start of an empty frame', () => {
    const skb = alloc()
    skb.reserve(40)
    expect([skb.headroom(), skb.tailroom(), skb.len]).toEqual([HEADROOM + 40, FRAME_SMALL - 40, 0])
    skb.reserve(-40 - HEADROOM)
    expect(skb.headroom()).toBe(0)
    skb.free()
  })

  test('reserve throws beyond the slot and on a frame that is not empty', () => {
    const skb = alloc()
    expect(() => skb.reserve(FRAME_SMALL + 1)).toThrow(
      `skb_over_panic: skb_reserve of ${FRAME_SMALL + 1} bytes where ${FRAME_SMALL} are left`,
    )
    expect(() => skb.reserve(-HEADROOM - 1)).toThrow(
      `skb_under_panic: skb_reserve of -131 bytes where ${HEADROOM} are left`,
    )
    expect(skb.headroom()).toBe(HEADROOM)
    skb.put(3)
    expect(() => skb.reserve(2)).toThrow(
      /^skb_reserve of 2 bytes on a frame of 3, .*: it must be empty$/,
    )
    skb.free()
  })
})

describe('trim', () => {
  test('trim truncates a frame, and does not change a shorter one', () => {
    const skb = alloc([1, 2, 3])
    skb.trim(2)
    expect(octetsOf(skb)).toEqual([1, 2])
    skb.trim(100)
    expect(octetsOf(skb)).toEqual([1, 2])
    skb.trim(0)
    expect(skb.len).toBe(0)
    skb.free()
  })

  test('trim throws on a negative length', () => {
    const skb = alloc([1, 2, 3])
    expect(() => skb.trim(-1)).toThrow('skb_trim of -1 bytes where 3 are left')
    skb.free()
  })
})

describe('padto', () => {
  test('padto pads a short frame with zeros, and writes nothing else', () => {
    const skb = alloc([1, 2, 3])
    skb.bytes.fill(0xaa, skb.tail, skb.end)
    skb.padto(60)
    expect(octetsOf(skb)).toEqual([1, 2, 3, ...new Array<number>(57).fill(0)])
    expect(skb.bytes.subarray(skb.tail, skb.end).every(octet => octet === 0xaa)).toBe(true)
    skb.free()
  })

  test('padto does not change a frame that is long enough', () => {
    const skb = alloc([1, 2, 3])
    skb.bytes.fill(0xaa, skb.tail, skb.end)
    for (const len of [3, 2, 0, -1]) {
      skb.padto(len)
    }
    expect([octetsOf(skb), skb.bytes[skb.tail]]).toEqual([[1, 2, 3], 0xaa])
    skb.free()
  })

  test('padto uses all of the tailroom, and throws beyond it with both lengths', () => {
    const skb = alloc([1, 2, 3])
    expect(() => skb.padto(FRAME_SMALL + 1)).toThrow(
      `skb_over_panic: skb_put_padto to ${FRAME_SMALL + 1} bytes where ${FRAME_SMALL} fit, `,
    )
    expect(octetsOf(skb)).toEqual([1, 2, 3])
    skb.padto(FRAME_SMALL)
    expect([skb.tail, skb.tailroom()]).toEqual([skb.end, 0])
    skb.free()
  })
})

test.each([-1, 1.5, Number.NaN, 2 ** 32, undefined as unknown as number])(
  'put, push and pull throw on %s bytes',
  n => {
    const skb = alloc([1, 2, 3])
    const before = fieldsOf(skb)
    for (const verb of ['put', 'push', 'pull'] as const) {
      expect(() => skb[verb](n)).toThrow(`skb_${verb} of ${n} bytes where `)
    }
    expect(fieldsOf(skb)).toEqual(before)
    skb.free()
  },
)

test.each([1.5, Number.NaN, undefined as unknown as number])(
  'trim, padto and reserve throw on %s',
  n => {
    const skb = alloc([1, 2, 3])
    expect(() => skb.trim(n)).toThrow(`skb_trim of ${n} bytes`)
    expect(() => skb.padto(n && n + 10)).toThrow('skb_put_padto to ')
    expect(octetsOf(skb)).toEqual([1, 2, 3])
    const empty = alloc()
    const { data } = empty
    expect(() => empty.reserve(n)).toThrow(`skb_reserve of ${n} bytes`)
    expect(empty.data).toBe(data)
    for (const each of [skb, empty]) {
      each.free()
    }
  },
)

test('__put and __push return what put and push return', () => {
  const skb = alloc([1, 2])
  const { data } = skb
  expect(skb.__put(3)).toBe(data + 2)
  expect(skb.__push(14)).toBe(data - 14)
  expect([skb.data, skb.len, skb.tail]).toEqual([data - 14, 19, data + 5])
  skb.free()
})

test('tail is the position after the last byte', () => {
  const skb = alloc([1, 2, 3])
  expect(skb.tail).toBe(skb.data + 3)
  skb.pull(1)
  skb.trim(1)
  expect([skb.tail - skb.data, skb.bytes[skb.tail - 1]]).toEqual([1, 2])
  skb.free()
})

test('rxDev is the device of a frame only while netifRx has it', () => {
  const skb = alloc([1])
  const dev = device()
  skb.dev = dev
  for (const owner of [
    owners.OWNER_HOLDER,
    owners.OWNER_RING,
    owners.OWNER_STAGE,
    owners.OWNER_WIRE,
    owners.OWNER_XMIT,
  ]) {
    skb.owner = owner
    expect(skb.rxDev).toBeUndefined()
  }
  for (const owner of [owners.OWNER_RX, owners.OWNER_PORT]) {
    skb.owner = owner
    expect(skb.rxDev).toBe(dev)
  }
  skb.free()
  expect(skb.rxDev).toBeUndefined()
})

describe('copy', () => {
  test('copy returns the same bytes and fields in another slot, with adjusted positions', () => {
    const skb = alloc([10, 11, 12, 13, 14, 15])
    const dev = device()
    skb.dev = dev
    skb.protocol = 0x86dd
    skb.pktType = PACKET_OTHERHOST
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.csumStart = skb.data + 2
    skb.csumOffset = 1
    skb.gsoSize = 1000
    skb.gsoType = SKB_GSO_TCPV4
    skb.queueMapping = 2
    skb.mac = skb.data
    skb.nh = skb.data + 1
    const copy = skb.copy() as SkBuff
    const by = copy.data - skb.data
    expect(by).not.toBe(0)
    expect(octetsOf(copy)).toEqual(octetsOf(skb))
    expect(fieldsOf(copy)).toEqual({
      ...fieldsOf(skb),
      data: copy.data,
      csumStart: skb.csumStart + by,
      mac: skb.mac + by,
      nh: skb.nh + by,
      h: 0,
    })
    copy.bytes[copy.data] = 99
    expect(octetsOf(skb)).toEqual([10, 11, 12, 13, 14, 15])
    skb.free()
    expect(octetsOf(copy)).toEqual([99, 11, 12, 13, 14, 15])
    copy.free()
  })

  test('copy keeps the headroom', () => {
    const skb = alloc([1, 2, 3])
    skb.push(30)
    const pushed = skb.copy() as SkBuff
    expect(pushed.headroom()).toBe(HEADROOM - 30)
    skb.pull(31)
    const pulled = skb.copy() as SkBuff
    expect([pulled.headroom(), octetsOf(pulled)]).toEqual([HEADROOM + 1, [2, 3]])
    for (const each of [skb, pushed, pulled]) {
      each.free()
    }
  })

  test('copy keeps as much headroom as its slot allows', () => {
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.reserve(30_000)
    skb.bytes.fill(7, skb.put(FRAME_SMALL))
    const copy = skb.copy() as SkBuff
    expect([copy.end - copy.head, copy.headroom(), copy.tailroom()]).toEqual([
      SLOT_SMALL - 16,
      HEADROOM,
      0,
    ])
    expect(octetsOf(copy)).toEqual(octetsOf(skb))
    copy.free()
    skb.free()
  })

  test('copy works on a frame that used up its headroom', () => {
    const skb = alloc(new Uint8Array(FRAME_MAX).fill(3))
    skb.push(HEADROOM)
    const copy = skb.copy() as SkBuff
    expect([copy.len, copy.headroom()]).toEqual([FRAME_MAX + HEADROOM, 0])
    copy.free()
    skb.free()
  })

  test('copy of a frame that fills a small slot from its start uses a small slot', () => {
    const skb = alloc(new Uint8Array(FRAME_SMALL).fill(3))
    skb.push(HEADROOM)
    const copy = skb.copy() as SkBuff
    expect([copy.len, copy.headroom(), copy.end - copy.slot]).toEqual([
      FRAME_SMALL + HEADROOM,
      0,
      SLOT_SMALL,
    ])
    expect(octetsOf(copy)).toEqual(octetsOf(skb))
    copy.free()
    skb.free()
  })

  test('copy returns undefined if the pool is empty', () => {
    const all = Array.from({ length: 12 }, () => alloc([1]))
    expect(all[0]?.copy()).toBeUndefined()
    for (const skb of all) {
      skb.free()
    }
  })
})

test('a clone is a copy: a write to one does not change the other', () => {
  const skb = alloc([1, 2, 3])
  skb.dev = device()
  skb.protocol = 0x800
  skb.mac = skb.data
  const clone = skb.clone() as SkBuff
  expect(octetsOf(clone)).toEqual([1, 2, 3])
  expect([clone.dev, clone.protocol, clone.mac]).toEqual([skb.dev, 0x800, clone.data])
  clone.bytes[clone.data] = 99
  skb.bytes[skb.data + 1] = 98
  expect([octetsOf(skb), octetsOf(clone)]).toEqual([
    [1, 98, 3],
    [99, 2, 3],
  ])
  skb.free()
  expect(octetsOf(clone)).toEqual([99, 2, 3])
  clone.free()
})

describe('hold', () => {
  test('hold moves a small frame out of a large slot, and the object remains the same', () => {
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.bytes.set([1, 2, 3, 4], skb.put(4))
    skb.dev = device()
    skb.mac = skb.data
    skb.nh = skb.data + 1
    skb.h = skb.data + 2
    skb.csumStart = skb.data + 2
    skb.ipSummed = CHECKSUM_PARTIAL
    skb.queueMapping = 3
    const before = { ...fieldsOf(skb) }
    const { owner } = skb
    expect(skb.end - skb.slot).toBe(SLOT_LARGE)
    expect(skb.hold()).toBe(true)
    const by = skb.data - before.data
    expect(skb.end - skb.slot).toBe(SLOT_SMALL)
    expect(octetsOf(skb)).toEqual([1, 2, 3, 4])
    expect(fieldsOf(skb)).toEqual({
      ...before,
      data: skb.data,
      mac: before.mac + by,
      nh: before.nh + by,
      h: before.h + by,
      csumStart: before.csumStart + by,
    })
    expect(skb.owner).toBe(owner)
    expect(pool.out).toBe(1)
    expect(skb.bytes.subarray(before.data, before.data + 4)).toEqual(new Uint8Array(4).fill(0x6b))
    skb.free()
  })

  test('hold leaves a frame that is in a slot of its size', () => {
    const small = alloc([1])
    const large = alloc(new Uint8Array(FRAME_SMALL + 1))
    const [data, dataOfLarge] = [small.data, large.data]
    expect([small.hold(), large.hold()]).toEqual([true, true])
    expect([small.data, large.data]).toEqual([data, dataOfLarge])
    small.free()
    large.free()
  })

  test('hold moves the longest frame that fits a small slot, and no longer one', () => {
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.bytes.fill(9, skb.put(FRAME_SMALL))
    expect(skb.hold()).toBe(true)
    expect([skb.tailroom(), octetsOf(skb).every(octet => octet === 9)]).toEqual([0, true])
    skb.free()
  })

  test('hold returns the large slot to the account', () => {
    const account = pool.openAccount(() => {})
    const offsets = new Int32Array(1)
    pool.peek(account, 1, offsets)
    const skb = pool.take(account, 60)
    expect(account.used).toBe(1)
    skb.hold()
    expect([account.used, skb.account]).toEqual([0, undefined])
    skb.free()
    expect(account.used).toBe(0)
    pool.closeAccount(account)
  })

  test('hold leaves the frame in its slot if no small slot is free', () => {
    const small = Array.from({ length: 8 }, () => alloc([1]))
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    skb.bytes.set([5, 6], skb.put(2))
    const { data } = skb
    expect(skb.hold()).toBe(false)
    expect([skb.data, octetsOf(skb)]).toEqual([data, [5, 6]])
    small.pop()?.free()
    expect(skb.hold()).toBe(true)
    expect(octetsOf(skb)).toEqual([5, 6])
    for (const each of [...small, skb]) {
      each.free()
    }
  })
})

describe('expand', () => {
  test('expand moves a frame to a large slot with its header positions, and the object remains the same', () => {
    const skb = alloc([1, 2, 3, 4])
    skb.nh = skb.data + 1
    const nh = skb.nh - skb.data
    expect(skb.end - skb.slot).toBe(SLOT_SMALL)
    expect(skb.expand()).toBe(true)
    expect([skb.end - skb.slot, octetsOf(skb), skb.nh - skb.data]).toEqual([
      SLOT_LARGE,
      [1, 2, 3, 4],
      nh,
    ])
    const { data } = skb
    expect([skb.expand(), skb.data, pool.out]).toEqual([true, data, 1])
    skb.free()
  })

  test('expand leaves the frame in its slot if no large slot is free', () => {
    const skb = alloc([5, 6])
    const { data } = skb
    const large: SkBuff[] = []
    for (let each = pool.alloc(FRAME_MAX); each !== undefined; each = pool.alloc(FRAME_MAX)) {
      large.push(each)
    }
    expect([skb.expand(), skb.data, octetsOf(skb)]).toEqual([false, data, [5, 6]])
    large.pop()?.free()
    expect([skb.expand(), octetsOf(skb)]).toEqual([true, [5, 6]])
    for (const each of [...large, skb]) {
      each.free()
    }
  })
})

describe('a freed frame', () => {
  test('free throws on a freed frame', () => {
    const skb = alloc([1])
    skb.free()
    expect(() => skb.free()).toThrow(
      /^double free, .*: the frame was already given back to the pool$/,
    )
  })

  test('every method throws on a freed frame', () => {
    const skb = alloc([1, 2, 3])
    skb.free()
    const verbs: Record<string, () => unknown> = {
      put: () => skb.put(1),
      push: () => skb.push(1),
      pull: () => skb.pull(1),
      reserve: () => skb.reserve(1),
      trim: () => skb.trim(1),
      put_padto: () => skb.padto(60),
      copy: () => skb.copy(),
      clone: () => skb.clone(),
      hold: () => skb.hold(),
      expand: () => skb.expand(),
      consume: () => skb.consume(),
      drop: () => skb.drop(),
    }
    for (const [verb, call] of Object.entries(verbs)) {
      expect(call).toThrow(`skb_${verb} on a freed frame`)
    }
  })

  test('a freed slot keeps its bytes', () => {
    const plain = new SkBuffPool({ large: 0, small: 1 })
    const skb = plain.alloc(1) as SkBuff
    skb.bytes[skb.put(1)] = 77
    const { data } = skb
    skb.free()
    expect(plain.bytes[data]).toBe(77)
  })
})

describe('the end of a frame', () => {
  test('consume counts a frame as received on its device', () => {
    const dev = device()
    const skb = alloc([1, 2, 3])
    skb.dev = dev
    skb.consume()
    expect([dev.received, dev.drops]).toEqual([[3], []])
    alloc([1]).consume()
  })

  test('drop counts a frame on its device, with the reason', () => {
    const dev = device()
    for (const reason of [SKB_DROP_REASON_FULL_RING, undefined]) {
      const skb = alloc([1])
      skb.dev = dev
      skb.drop(reason)
    }
    expect([dev.drops, dev.received]).toEqual([
      [SKB_DROP_REASON_FULL_RING, SKB_DROP_REASON_NOT_SPECIFIED],
      [],
    ])
  })

  test('free counts nothing', () => {
    const dev = device()
    const skb = alloc([1])
    skb.dev = dev
    skb.free()
    expect([dev.drops, dev.received, skb.dev]).toEqual([[], [], undefined])
  })

  test('the pool counts the drop of a frame without a device', () => {
    const before = pool.drops[SKB_DROP_REASON_FULL_RING]
    alloc([1]).drop(SKB_DROP_REASON_FULL_RING)
    expect(pool.drops[SKB_DROP_REASON_FULL_RING]).toBe(before + 1)
  })
})
