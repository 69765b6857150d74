import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  FRAME_MAX,
  FRAME_SMALL,
  HEADROOM,
  PORT_ROOM,
  SkBuffPool,
  SLOT_LARGE,
  SLOT_SMALL,
  type SlotAccount,
} from '#src/skb/pool.ts'
import { Ring } from '#src/skb/ring.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'

const offsets = new Int32Array(64)

/** Takes all slots that an account may take. */
function takeAll(account: SlotAccount, most = 64): SkBuff[] {
  const n = account.pool.peek(account, most, offsets)
  return Array.from({ length: n }, () => account.pool.take(account, 60))
}

function free(skbs: readonly SkBuff[]): void {
  for (const skb of skbs) {
    skb.free()
  }
}

describe('alloc', () => {
  test('an arena of more than 1 MiB has the 32 MiB that malloc always reserves, and uses what it needs', () => {
    const { bytes } = new SkBuffPool({ large: 128, small: 512 })
    expect([bytes.length, bytes.buffer.byteLength]).toEqual([
      128 * SLOT_LARGE + 512 * SLOT_SMALL,
      32 << 20,
    ])
    expect(new SkBuffPool({ large: 1, small: 1 }).bytes.buffer.byteLength).toBe(
      SLOT_LARGE + SLOT_SMALL,
    )
  })

  test('alloc uses small slots for small frames, and large slots for larger ones', () => {
    const pool = new SkBuffPool({ large: 1, small: 1 })
    const [small, large] = [
      pool.alloc(FRAME_SMALL) as SkBuff,
      pool.alloc(FRAME_SMALL + 1) as SkBuff,
    ]
    expect([small.end - small.slot, large.end - large.slot]).toEqual([SLOT_SMALL, SLOT_LARGE])
    expect(small.data - small.slot).toBe(PORT_ROOM + HEADROOM)
    free([small, large])
  })

  test('alloc falls back to a large slot if no small one is left, but never vice versa', () => {
    const pool = new SkBuffPool({ large: 1, small: 1 })
    const all = [pool.alloc(60), pool.alloc(60)] as SkBuff[]
    expect(all.map(skb => skb.end - skb.slot)).toEqual([SLOT_SMALL, SLOT_LARGE])
    expect(pool.alloc(60)).toBeUndefined()
    all.shift()?.free()
    expect(pool.alloc(FRAME_MAX)).toBeUndefined()
    free(all)
    expect(pool.out).toBe(0)
  })

  test('alloc throws on a size that fits no slot', () => {
    const pool = new SkBuffPool({ large: 1, small: 1 })
    for (const size of [FRAME_MAX + 1, -1, Number.NaN]) {
      expect(() => pool.alloc(size)).toThrow(`alloc of ${size} bytes, `)
    }
    expect(() => pool.alloc(FRAME_MAX + 1)).toThrow(`: 0 to ${FRAME_MAX} fit a slot`)
    const skb = pool.alloc(FRAME_MAX) as SkBuff
    expect(skb.tailroom()).toBe(FRAME_MAX)
    skb.free()
  })

  test('alloc uses the slot freed last first', () => {
    const pool = new SkBuffPool({ large: 1, small: 8 })
    const all = Array.from({ length: 4 }, () => pool.alloc(60) as SkBuff)
    free(all)
    const again = Array.from({ length: 4 }, () => pool.alloc(60) as SkBuff)
    expect(again).toEqual([...all].reverse())
    free(again)
  })

  test('alloc reuses the SkBuff of a slot', () => {
    const pool = new SkBuffPool({ large: 1, small: 8 })
    for (let i = 0; i < 20; i++) {
      pool.alloc(60)?.free()
    }
    expect(pool.small.made).toBe(1)
  })
})

test('slots are adjacent on a SharedArrayBuffer and do not overlap', () => {
  const pool = new SkBuffPool({ large: 3, small: 5 })
  const all: SkBuff[] = []
  for (let skb = pool.alloc(FRAME_MAX); skb !== undefined; skb = pool.alloc(FRAME_MAX)) {
    all.push(skb)
  }
  for (let skb = pool.alloc(60); skb !== undefined; skb = pool.alloc(60)) {
    all.push(skb)
  }
  const starts = all.map(skb => [skb.slot, skb.end] as const).sort((a, b) => a[0] - b[0])
  expect(starts.map(([slot]) => slot)).toEqual([0, ...starts.slice(0, -1).map(([, end]) => end)])
  expect(starts.at(-1)?.[1]).toBe(pool.bytes.length)
  expect([all.length, pool.out]).toEqual([8, 8])
  expect(pool.bytes.buffer).toBeInstanceOf(SharedArrayBuffer)
  free(all)
})

test('a pool with positions beyond 32 bits is refused before memory is reserved', () => {
  expect(() => new SkBuffPool({ large: 40_000 })).toThrow(
    /a pool of \d+ bytes: at most 2147483647, take fewer slots/,
  )
})

test('a pool grows by small slots as far as its reserve, and they do not overlap others', () => {
  const pool = new SkBuffPool({ large: 1, small: 1, reserve: 2 })
  const first = pool.alloc(60) as SkBuff
  expect(pool.alloc(60)?.slotClass).toBe(pool.large)
  expect(pool.growSmall(1)).toBe(1)
  const second = pool.alloc(60) as SkBuff
  expect(pool.alloc(60)).toBeUndefined()
  expect(pool.growSmall(5)).toBe(1)
  const third = pool.alloc(60) as SkBuff
  expect(pool.alloc(60)).toBeUndefined()
  expect([first, second, third].map(skb => skb.slot)).toEqual(
    [0, 1, 2].map(i => SLOT_LARGE + i * SLOT_SMALL),
  )
  expect(third.end).toBe(pool.bytes.length)
})

test('a pool grows by at most half of its reserve, and returned slots are in reserve again', () => {
  const pool = new SkBuffPool({ large: 1, small: 2, reserve: 100 })
  expect([
    pool.growSmall(1000),
    pool.growSmall(1000),
    pool.growSmall(-50),
    pool.growSmall(1000),
  ]).toEqual([50, 25, -50, 38])
  expect(pool.small.count).toBe(2 + 25 + 38)
  const frames = Array.from({ length: 65 }, () => pool.alloc(60) as SkBuff)
  for (const skb of frames) {
    skb.free()
  }
  pool.growSmall(-63)
  // Existing slots remain in use, and no more are made.
  for (const _ of frames) {
    expect(pool.alloc(60)?.slotClass).toBe(pool.small)
  }
  expect(pool.alloc(60)?.slotClass).toBe(pool.large)
})

test('out is the number of slots in use', () => {
  const pool = new SkBuffPool({ large: 2, small: 2 })
  const account = pool.openAccount(() => {})
  const taken = takeAll(account, 1)
  const small = pool.alloc(60) as SkBuff
  const copy = small.copy() as SkBuff
  expect(pool.out).toBe(3)
  copy.hold()
  taken[0]?.free()
  expect(pool.out).toBe(2)
  free([small, copy])
  expect(pool.out).toBe(0)
})

describe('an account', () => {
  test('accounts share the large slots evenly', () => {
    const pool = new SkBuffPool({ large: 10, small: 1 })
    const a = pool.openAccount(() => {})
    expect(a.quota).toBe(10)
    const b = pool.openAccount(() => {})
    const c = pool.openAccount(() => {})
    expect([a.quota, b.quota, c.quota]).toEqual([3, 3, 3])
    pool.closeAccount(b)
    expect([a.quota, b.quota, c.quota]).toEqual([5, 0, 5])
    pool.closeAccount(b)
    expect([a.quota, c.quota]).toEqual([5, 5])
  })

  test('every account has at least one slot', () => {
    const pool = new SkBuffPool({ large: 2, small: 1 })
    const accounts = Array.from({ length: 3 }, () => pool.openAccount(() => {}))
    expect(accounts.map(account => account.quota)).toEqual([1, 1, 1])
  })

  test('an account that uses its whole share gets no more slots, while others do', () => {
    const pool = new SkBuffPool({ large: 8, small: 1 })
    const [stuck, other] = [pool.openAccount(() => {}), pool.openAccount(() => {})]
    const held = takeAll(stuck)
    expect([held.length, stuck.used]).toEqual([4, 4])
    expect(pool.peek(stuck, 1, offsets)).toBe(0)
    const others = takeAll(other)
    expect(others.length).toBe(4)
    free([...held, ...others])
    expect([stuck.used, other.used]).toEqual([0, 0])
  })

  test('a new account does not take slots that another has in excess of its share', () => {
    const pool = new SkBuffPool({ large: 4, small: 1 })
    const first = pool.openAccount(() => {})
    const held = takeAll(first)
    const second = pool.openAccount(() => {})
    expect(pool.peek(second, 1, offsets)).toBe(0)
    held.pop()?.free()
    expect([pool.peek(first, 1, offsets), pool.peek(second, 1, offsets)]).toEqual([0, 1])
    free(held)
  })

  test('a closed account gets no slots, and its slots return as they are freed', () => {
    const pool = new SkBuffPool({ large: 4, small: 1 })
    const account = pool.openAccount(() => {})
    const held = takeAll(account, 2)
    pool.closeAccount(account)
    expect(pool.peek(account, 1, offsets)).toBe(0)
    free(held)
    expect([account.used, pool.out]).toEqual([0, 0])
  })
})

describe('peek and take', () => {
  test('peek shows the positions of the frames that take then returns, in order', () => {
    const pool = new SkBuffPool({ large: 4, small: 1 })
    const account = pool.openAccount(() => {})
    free(takeAll(account, 3))
    expect(pool.peek(account, 4, offsets)).toBe(4)
    for (let i = 0; i < 4; i++) {
      const skb = pool.take(account, 10 + i)
      expect([skb.data, skb.len, skb.account, skb.headroom()]).toEqual([
        offsets[i],
        10 + i,
        account,
        HEADROOM,
      ])
      expect(offsets[i]).toBe(skb.slot + PORT_ROOM + HEADROOM)
    }
    expect([account.used, pool.out, pool.peek(account, 1, offsets)]).toEqual([4, 4, 0])
  })

  test('peek takes no slot', () => {
    const pool = new SkBuffPool({ large: 4, small: 1 })
    const account = pool.openAccount(() => {})
    for (let i = 0; i < 3; i++) {
      expect(pool.peek(account, 9, offsets)).toBe(4)
    }
    expect([account.used, pool.out]).toEqual([0, 0])
  })

  test('peek does not show slots that others have taken', () => {
    const pool = new SkBuffPool({ large: 3, small: 0 })
    const account = pool.openAccount(() => {})
    const skbs = [pool.alloc(60), pool.alloc(60)] as SkBuff[]
    expect(pool.peek(account, 9, offsets)).toBe(1)
    free(skbs)
    expect(pool.peek(account, 9, offsets)).toBe(3)
  })
})

describe('a queue that waits for a slot', () => {
  function waiting(large: number) {
    const pool = new SkBuffPool({ large, small: 2 })
    const told: string[] = []
    const [a, b] = [pool.openAccount(() => told.push('a')), pool.openAccount(() => told.push('b'))]
    return { pool, told, a, b }
  }

  test('onRoom is called once, when the first slot is freed', () => {
    const { pool, told, a } = waiting(4)
    const held = takeAll(a)
    pool.wait(a)
    pool.wait(a)
    expect(told).toEqual([])
    free(held)
    expect(told).toEqual(['a'])
    free(takeAll(a))
    expect(told).toEqual(['a'])
  })

  test('a slot can be taken within onRoom', () => {
    const pool = new SkBuffPool({ large: 2, small: 1 })
    let got = 0
    const account = pool.openAccount(() => {
      got = pool.peek(account, 1, offsets)
    })
    const held = takeAll(account)
    pool.wait(account)
    free(held)
    expect(got).toBe(1)
  })

  test('onRoom is not called for slots of others while the own quota is used up', () => {
    const { pool, told, a, b } = waiting(4)
    const [ofA, ofB] = [takeAll(a), takeAll(b)]
    pool.wait(a)
    free(ofB)
    expect(told).toEqual([])
    free(ofA)
    expect(told).toEqual(['a'])
  })

  test('onRoom is called for any large slot if the pool was empty', () => {
    const { pool, told, a } = waiting(4)
    const others = Array.from({ length: 4 }, () => pool.alloc(FRAME_MAX) as SkBuff)
    pool.wait(a)
    others.pop()?.free()
    expect(told).toEqual(['a'])
    free(others)
  })

  test('onRoom is not called for a small slot, which a read cannot use', () => {
    const { pool, told, a } = waiting(4)
    const others = Array.from({ length: 4 }, () => pool.alloc(FRAME_MAX) as SkBuff)
    const small = pool.alloc(60) as SkBuff
    pool.wait(a)
    small.free()
    expect(told).toEqual([])
    free(others)
    expect(told).toEqual(['a'])
  })

  test('onRoom is called when another account is closed and the share grows', () => {
    const { pool, told, a, b } = waiting(4)
    const held = takeAll(a)
    pool.wait(a)
    pool.closeAccount(b)
    expect(told).toEqual(['a'])
    expect(pool.peek(a, 9, offsets)).toBe(2)
    free(held)
  })

  test('onRoom is called when a held frame moves to a small slot', () => {
    const { pool, told, a } = waiting(4)
    const held = takeAll(a)
    pool.wait(a)
    held[0]?.hold()
    expect(told).toEqual(['a'])
    free(held)
  })

  test('onRoom is not called after the account is closed', () => {
    const { pool, told, a, b } = waiting(4)
    const held = takeAll(a)
    pool.wait(a)
    pool.closeAccount(a)
    free(held)
    pool.wait(b)
    pool.alloc(FRAME_MAX)?.free()
    expect(told).toEqual(['b'])
  })
})

test('random operations conserve slots, bytes and accounts', () => {
  const step = fc.record({
    op: fc.constantFrom(
      'alloc',
      'read',
      'copy',
      'hold',
      'free',
      'drop',
      'ring',
      'unring',
      'push',
      'trim',
    ),
    size: fc.oneof(fc.nat(200), fc.integer({ min: FRAME_SMALL - 2, max: FRAME_SMALL + 2 })),
    pick: fc.nat(),
  })
  forAll(150, [fc.array(step, { maxLength: 60 })], steps => {
    const pool = new PoisonedPool({ large: 6, small: 6 })
    const accounts = [pool.openAccount(() => {}), pool.openAccount(() => {})]
    const ring = new Ring(4)
    /** The frames by holder, each with the bytes that it must contain. */
    const held: { skb: SkBuff; octets: number[] }[] = []
    const ringed: typeof held = []
    let mark = 0
    const keep = (skb: SkBuff, octets: number[]): void => {
      // Makes overlapping frames visible.
      skb.bytes.set(octets, skb.data)
      skb.csumStart = skb.data
      held.push({ skb, octets })
    }
    const octetsOfSize = (size: number): number[] => new Array<number>(size).fill(mark++ & 0xff)
    for (const { op, size, pick } of steps) {
      const at = held.length === 0 ? -1 : pick % held.length
      const one = held[at]
      const account = accounts[pick % 2] as SlotAccount
      if (op === 'alloc') {
        const skb = pool.alloc(size)
        skb?.put(size)
        if (skb !== undefined) {
          keep(skb, octetsOfSize(size))
        }
      } else if (op === 'read') {
        const n = pool.peek(account, 1 + (size % 3), offsets)
        for (let i = 0; i < n; i++) {
          keep(pool.take(account, size), octetsOfSize(size))
        }
      } else if (op === 'unring') {
        if (ring.shift() !== undefined) {
          held.push(ringed.shift() as (typeof held)[0])
        }
      } else if (one === undefined) {
        // The program holds no frame to work on.
      } else if (op === 'copy') {
        const copy = one.skb.copy()
        if (copy !== undefined) {
          held.push({ skb: copy, octets: [...one.octets] })
        }
      } else if (op === 'hold') {
        const moved = one.skb.hold()
        expect(moved || one.skb.len <= FRAME_SMALL).toBe(true)
      } else if (op === 'push') {
        if (one.skb.headroom() >= 4) {
          one.skb.bytes.fill(9, one.skb.push(4), one.skb.data + 4)
        } else {
          one.skb.pull(0)
        }
        if (one.skb.len !== one.octets.length) {
          one.octets.unshift(9, 9, 9, 9)
        }
      } else if (op === 'trim') {
        one.skb.trim(size)
        one.octets.length = one.skb.len
      } else if (op === 'ring') {
        if (ring.push(one.skb)) {
          ringed.push(...held.splice(at, 1))
        }
      } else {
        held.splice(at, 1)
        one.skb[op]()
      }
      const all = [...held, ...ringed]
      expect(pool.out).toBe(all.length)
      expect(new Set(all.map(({ skb }) => skb.slot)).size).toBe(all.length)
      for (const { skb, octets } of all) {
        expect(skb.len).toBe(octets.length)
        expect([...skb.bytes.subarray(skb.data, skb.data + skb.len)]).toEqual(octets)
      }
      for (const each of accounts) {
        expect(each.used).toBe(all.filter(({ skb }) => skb.account === each).length)
      }
    }
    for (const { skb } of [...held, ...ringed]) {
      skb.free()
    }
    expect([pool.out, ...accounts.map(each => each.used)]).toEqual([0, 0, 0])
    const slots = (count: number, size: number) =>
      Array.from({ length: count }, () => pool.alloc(size))
    expect([...slots(6, FRAME_MAX), ...slots(6, 60)]).not.toContain(undefined)
  })
})

test('a partial checksum keeps its position in the frame through copy and hold', () => {
  const pool = new SkBuffPool({ large: 1, small: 2 })
  const account = pool.openAccount(() => {})
  const [skb] = takeAll(account, 1) as [SkBuff]
  skb.ipSummed = CHECKSUM_PARTIAL
  skb.csumStart = skb.data + 34
  const copy = skb.copy() as SkBuff
  skb.hold()
  expect([copy.csumStart - copy.data, skb.csumStart - skb.data]).toEqual([34, 34])
  free([skb, copy])
})
