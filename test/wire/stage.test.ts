import { expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { loss } from '#src/wire/stages/loss.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '#src/wire/wire.ts'
import { plainChain, testWires } from '#support/wire.ts'

const makeWire = testWires()

/** A stage that does `push` with every packet. */
function own(push: (skb: SkBuff, next: Wire, env: WireEnv) => void): Impairment {
  return function own(next, env) {
    return { push: skb => push(skb, next, env) }
  }
}

function fail(): never {
  throw new Error('broken')
}

const broken = ['own: Error: broken']

test('a stage that throws loses the packet, counted once, and no more', () => {
  const wire = makeWire([own((skb, next) => (skb.packetId === 2 ? fail() : next.push(skb)))])
  wire.send(3)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 3])
  expect(wire.chain.report()).toMatchObject([
    { in: 3, out: 2, dropped: 1, drops: { exception: 1 } },
  ])
  expect(wire.failures).toEqual(broken)
})

test('a packet that was handed on to a stage that holds it survives an exception', () => {
  const passing = own((skb, next) => {
    next.push(skb)
    fail()
  })
  const wire = makeWire([passing, delay('1us')])
  wire.send(1)
  expect(wire.conserved()).toMatchObject({ dropped: 0, held: 1 })
  wire.advance(1000)
  expect([wire.received.length, wire.failures]).toEqual([1, broken])
})

test('a packet that was dropped is not dropped again by an exception', () => {
  const dropping = own((skb, _next, env) => {
    env.drop(skb, 'mine')
    fail()
  })
  const wire = makeWire([dropping])
  wire.send(1)
  expect(wire.chain.report()).toMatchObject([{ in: 1, dropped: 1, drops: { mine: 1 } }])
  expect(wire.failures).toEqual(broken)
})

test('a packet that a stage holds is still its own after an exception', () => {
  const kept: SkBuff[] = []
  const holding: Impairment = (next, env) => {
    const alarm = env.clock.alarm(() => next.push(kept.shift() as SkBuff))
    return {
      push(skb) {
        if (!env.hold(skb)) return
        kept.push(skb)
        alarm.at(100)
        fail()
      },
    }
  }
  const wire = makeWire([holding])
  wire.send(1)
  expect(wire.conserved()).toMatchObject({ held: 1, dropped: 0 })
  wire.advance(100)
  expect(wire.received.length).toBe(1)
})

test('an exception of one packet does not cost another that the stage handed on before', () => {
  let kept: SkBuff | undefined
  const oneBehind = own((skb, next, env) => {
    const before = kept
    kept = undefined
    if (before !== undefined) {
      next.push(before)
      fail()
    }
    if (env.hold(skb)) {
      kept = skb
    }
  })
  const wire = makeWire([oneBehind, delay('1us')])
  wire.send(4)
  wire.advance(1000)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 3])
  expect(wire.conserved()).toMatchObject({ in: 4, out: 2, dropped: 2 })
})

test('a packet that is handed on or dropped twice is counted once', () => {
  const twice = own((skb, next, env) => {
    if (skb.packetId === 1) {
      env.drop(skb, 'mine')
    } else {
      next.push(skb)
    }
    if (skb.packetId !== 2) {
      env.drop(skb, 'mine')
    } else {
      next.push(skb)
    }
  })
  const wire = makeWire([twice])
  wire.send(3)
  expect(wire.chain.report()).toMatchObject([{ in: 3, out: 2, dropped: 1, drops: { mine: 1 } }])
  expect(wire.failures).toEqual(
    new Array(3).fill(expect.stringContaining('own: a packet that it does not own')),
  )
})

test('an exception in an alarm of a stage is reported, and other alarms ring', () => {
  const arming: Impairment = (next, env) => {
    env.clock.alarm(fail).at(10)
    return next
  }
  const wire = makeWire([arming, delay('100ns')])
  wire.send(1)
  wire.advance(100)
  expect([wire.failures, wire.received.length]).toEqual([['alarm: Error: broken'], 1])
})

test('an exception of the receiver is not counted for a stage, and its frame is dropped', () => {
  const pool = new SkBuffPool({ large: 1, small: 4 })
  const failures: string[] = []
  const chain = plainChain({
    clock: new FakeClock(),
    pool,
    end: { push: fail },
    failed: (stage, error) => failures.push(`${stage}: ${error}`),
  })
  chain.set([loss(0)])
  const skb = pool.alloc(60) as SkBuff
  skb.put(60)
  chain.push(skb)
  expect(chain.report()).toMatchObject([{ in: 1, out: 1, dropped: 0 }])
  expect([chain.drops, pool.out, failures]).toEqual([
    { exception: 1 },
    0,
    ['receiver: Error: broken'],
  ])
  chain.close()
})

test('a chain refuses a freed frame', () => {
  const wire = makeWire([])
  const skb = wire.pool.alloc(60) as SkBuff
  skb.free()
  expect(() => wire.chain.push(skb)).toThrow('wire push on a freed frame')
})

test('a copy has the packet id of the original and is counted; without memory no copy is made', () => {
  const doubling = own((skb, next, env) => {
    const copy = env.duplicate(skb)
    next.push(skb)
    if (copy !== undefined) {
      next.push(copy)
    }
  })
  const wire = makeWire([doubling, delay('1us')], { small: 3, large: 0, log: true })
  wire.send(2)
  wire.advance(1000)
  expect(wire.received.map(({ id }) => id)).toEqual([1, 1, 2])
  expect(wire.conserved()).toMatchObject({ in: 2, duplicated: 1, out: 3 })
  expect(
    wire.decisions.filter(({ verdict }) => verdict === 'duplicate').map(({ id }) => id),
  ).toEqual([1])
})

/** Sends a frame of its own back and one on, for each frame. */
const answering = own((skb, next, env) => {
  for (const send of [env.reply, env.inject]) {
    const made = env.alloc(60, skb) as SkBuff
    made.put(60)
    send.call(env, made)
  }
  next.push(skb)
})

test('a reply goes back and an injected frame on, past every stage', () => {
  const wire = makeWire([answering, loss(1)])
  wire.send(1)
  expect([wire.replied.length, wire.received.length]).toEqual([1, 1])
  expect(wire.conserved()).toMatchObject({ in: 1, made: 2, out: 2, dropped: 1 })
})

test('frames that the stages of both directions make have different numbers', () => {
  const wires = (['ab', 'ba'] as const).map(direction =>
    makeWire([answering, loss(1)], { direction }),
  )
  for (const wire of wires) {
    wire.send(3)
  }
  const ids = wires.flatMap(({ replied, received }) =>
    [...replied, ...received].map(({ id }) => id),
  )
  expect(new Set(ids).size).toBe(12)
  expect(Math.max(...ids)).toBeLessThan(0)
})

test('a frame that finds no small slot is held in a large one while half of them are free', () => {
  const wire = makeWire([delay('1us')], { small: 4, large: 4 })
  wire.send(8)
  expect(wire.chain.report()).toMatchObject([{ held: 6, drops: { memory: 2 } }])
})

test('an impairment without a name has a kind', () => {
  const wire = makeWire([next => next, impairment('named', {}, (_, next) => next)])
  expect(wire.chain.report().map(({ stage, text }) => [stage, text])).toEqual([
    ['custom', 'custom'],
    ['named', 'named'],
  ])
})
