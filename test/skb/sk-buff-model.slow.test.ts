/**
 * Compares every method with a model that is an array: all bytes of a slot between head and end,
 * and the start and end of the frame. The whole slot is compared after each call, so that a stray
 * write is noticed.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allocSkb, devAllocSkb } from '#src/skb/alloc-skb.ts'
import { SkbError } from '#src/skb/error.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { forAll } from '#support/for-all.ts'
import { PoisonedPool } from '#support/poisoned-pool.ts'
import { either } from '#support/scale.ts'
import { deviceOf, octetsOf } from '#support/skb.ts'

interface Model {
  slot: number[]
  data: number
  tail: number
}

interface Step {
  verb: 'put' | 'push' | 'pull' | 'trim' | 'reserve' | 'padto' | 'copy' | 'clone' | 'hold'
  n: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    verb: fc.constantFrom(
      'put',
      'push',
      'pull',
      'trim',
      'reserve',
      'padto',
      'copy',
      'clone',
      'hold',
    ),
    n: fc.oneof(fc.integer({ min: -3, max: 150 }), fc.integer({ min: -2100, max: 2100 })),
  }),
  { maxLength: 30 },
)

/** Runs the step on the model. Returns false, without effect, if it is out of bounds. */
function runOnModel(model: Model, { verb, n }: Step, mark: number): boolean {
  const { slot, data, tail } = model
  const len = tail - data
  const isCount = n >= 0
  if (verb === 'put') {
    if (!isCount || tail + n > slot.length) return false
    slot.fill(mark, tail, tail + n)
    model.tail += n
  } else if (verb === 'push') {
    if (!isCount || n > data) return false
    slot.fill(mark, data - n, data)
    model.data -= n
  } else if (verb === 'pull') {
    if (!isCount || n > len) return false
    model.data += n
  } else if (verb === 'trim') {
    if (!isCount) return false
    model.tail = Math.min(tail, data + n)
  } else if (verb === 'reserve') {
    if (len !== 0 || data + n < 0 || data + n > slot.length) return false
    model.data += n
    model.tail += n
  } else if (verb === 'padto') {
    if (data + n > slot.length) return false
    while (model.tail < data + n) {
      slot[model.tail++] = 0
    }
  }
  return true
}

/** Runs the step on a frame. Copies are compared and freed. */
function runOnFrame(skb: SkBuff, { verb, n }: Step, mark: number): void {
  if (verb === 'put') {
    const at = skb.put(n)
    skb.bytes.fill(mark, at, at + n)
  } else if (verb === 'push') {
    const at = skb.push(n)
    skb.bytes.fill(mark, at, at + n)
  } else if (verb === 'copy' || verb === 'clone') {
    const other = skb[verb]() as SkBuff
    expect([octetsOf(other), other.headroom()]).toEqual([octetsOf(skb), skb.headroom()])
    other.bytes.fill(mark, other.head, other.end)
    other.free()
  } else if (verb === 'hold') {
    expect(skb.hold()).toBe(true)
  } else {
    skb[verb](n)
  }
}

function expectSame(skb: SkBuff, { slot, data, tail }: Model): void {
  expect([skb.head <= skb.data, skb.data <= skb.tail, skb.tail <= skb.end]).toEqual([
    true,
    true,
    true,
  ])
  expect([skb.data - skb.head, skb.len, skb.end - skb.head]).toEqual([
    data,
    tail - data,
    slot.length,
  ])
  expect([skb.headroom(), skb.tailroom(), skb.tail]).toEqual([
    data,
    slot.length - tail,
    skb.head + tail,
  ])
  expect([...skb.bytes.subarray(skb.head, skb.end)]).toEqual(slot)
}

function modelOf(skb: SkBuff): Model {
  return {
    slot: [...skb.bytes.subarray(skb.head, skb.end)],
    data: skb.headroom(),
    tail: skb.headroom() + skb.len,
  }
}

const alloc = fc.constantFrom(allocSkb, devAllocSkb)

test('random operations change a frame like an array, and throw out of bounds without effect', {
  timeout: 60_000,
}, () => {
  forAll(either(1000, 300), [alloc, steps], (alloc, steps) => {
    const pool = new PoisonedPool({ large: 0, small: 3 })
    const [skb, neighbour] = [alloc(deviceOf(pool), 60), alloc(deviceOf(pool), 60)] as [
      SkBuff,
      SkBuff,
    ]
    neighbour.bytes.fill(0xee, neighbour.slot, neighbour.end)
    skb.bytes.fill(0xaa, skb.head, skb.end)
    const model = modelOf(skb)
    for (const [i, step] of steps.entries()) {
      const fits = runOnModel(model, step, i + 1)
      if (fits) {
        runOnFrame(skb, step, i + 1)
      } else {
        expect(() => runOnFrame(skb, step, i + 1)).toThrow(SkbError)
      }
      expectSame(skb, model)
    }
    expect(
      neighbour.bytes.subarray(neighbour.slot, neighbour.end).every(octet => octet === 0xee),
    ).toBe(true)
    skb.free()
    neighbour.free()
    expect(pool.out).toBe(0)
  })
})

test('the unchecked methods have the same effect as the checked ones wherever those do not throw', () => {
  const step = fc.record({
    verb: fc.constantFrom('put' as const, 'push' as const, 'pull' as const, 'trim' as const),
    n: fc.integer({ min: 0, max: 400 }),
  })
  forAll(200, [alloc, fc.array(step, { maxLength: 30 })], (alloc, steps) => {
    const pool = new SkBuffPool({ large: 0, small: 2 })
    const [checked, unchecked] = [alloc(deviceOf(pool), 60), alloc(deviceOf(pool), 60)] as [
      SkBuff,
      SkBuff,
    ]
    for (const [i, { verb, n }] of steps.entries()) {
      if (
        n > { put: checked.tailroom(), push: checked.headroom(), pull: checked.len, trim: n }[verb]
      ) {
        continue
      }
      runOnFrame(checked, { verb, n }, i + 1)
      if (verb === 'put' || verb === 'push') {
        const at = verb === 'put' ? unchecked.__put(n) : unchecked.__push(n)
        unchecked.bytes.fill(i + 1, at, at + n)
      } else {
        unchecked[verb](n)
      }
      expectSame(unchecked, modelOf(checked))
    }
    checked.free()
    unchecked.free()
  })
})

test('a method that throws changes neither the frame nor its fields', () => {
  const pool = new PoisonedPool({ large: 0, small: 1 })
  const skb = devAllocSkb(deviceOf(pool), 60) as SkBuff
  skb.bytes.fill(7, skb.put(60), skb.tail)
  const model = modelOf(skb)
  const fields = { ...skb }
  for (const verb of ['put', 'push', 'pull', 'reserve', 'padto'] as const) {
    expect(() => skb[verb](5000)).toThrow(SkbError)
    expect({ ...skb }).toEqual(fields)
    expectSame(skb, model)
  }
  skb.free()
})
