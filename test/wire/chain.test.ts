import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import type { Chain } from '#src/wire/chain.ts'
import { corrupt } from '#src/wire/stages/corrupt.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { drop } from '#src/wire/stages/fault.ts'
import { hold } from '#src/wire/stages/gates.ts'
import { loss, lossEvery } from '#src/wire/stages/loss.ts'
import { match } from '#src/wire/stages/match.ts'
import { rate } from '#src/wire/stages/rate.ts'
import { trace } from '#src/wire/stages/trace.ts'
import { type Impairment, impairment } from '#src/wire/wire.ts'
import { either, SEED } from '#support/scale.ts'
import { plainChain, testWires } from '#support/wire.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const makeWire = testWires()

const MS = 1_000_000
const all = () => true
const failing: Impairment = () => {
  throw new Error('cannot be made')
}

/** A UDP packet from this port. */
function datagram(port: number): Uint8Array {
  const bytes = buildFrame({ packet: { ...plain, kind: 'udp' }, tags: [], padding: [] })
  bytes[35] = port
  return bytes
}

/** A stage of one's own that keeps a packet until an alarm rings again and again. */
function beating(rung: { count: number; closed: number }): Impairment {
  return impairment('beating', {}, (_, next, env) => {
    const alarm = env.clock.alarm(() => {
      rung.count++
      alarm.at(env.clock.now() + 100)
    })
    alarm.at(env.clock.now() + 100)
    const close = () => {
      rung.closed++
      alarm.cancel()
    }
    return { push: skb => next.push(skb), close }
  })
}

/**
 * A chain with an end that frees its frames, the numbers of these frames, and a function that sends
 * some.
 */
function chainOf(options: { small?: number; reserve?: number } = {}) {
  const pool = new SkBuffPool({ large: 4, small: 64, ...options })
  const received: number[] = []
  const clock = new FakeClock()
  let idle = 0
  const chain = plainChain({
    clock,
    pool,
    end: {
      push: skb => {
        received.push(skb.packetId)
        skb.free()
      },
    },
    onIdle: () => idle++,
  })
  const send = (n = 1) => {
    for (let i = 0; i < n; i++) {
      const skb = pool.alloc(60) as SkBuff
      skb.put(60)
      chain.push(skb)
    }
  }
  return { pool, received, clock, chain, send, idle: () => idle }
}

describe('Chain.set', () => {
  test('an impairment that throws leaves the stages as they were', () => {
    const wire = makeWire([delay('1us'), match(all, [lossEvery(2)])])
    wire.send(2)
    const set = () =>
      wire.chain.set([match(all, [lossEvery(3), delay('5ns')]), delay('7ns'), failing])
    expect(set).toThrow('cannot be made')
    expect(wire.chain.report().map(({ stage, text }) => [stage, text])).toEqual([
      ['delay', 'delay 1us'],
      ['match', "match 'a function' ( loss every 2 )"],
      ['loss', lossEvery(2).text],
    ])
    wire.send(2)
    wire.advance(1000)
    expect(wire.received.map(({ id }) => id)).toEqual([1, 3])
    expect(wire.chain.report()).toMatchObject([{ in: 4 }, { in: 4 }, { in: 4, dropped: 2 }])
  })

  test('a refused change keeps the counts of faults, also inside a match', () => {
    const third = drop(all, { nth: 3 })
    for (const around of [
      (stage: Impairment) => stage,
      (stage: Impairment) => match(all, [stage]),
    ]) {
      const wire = makeWire([around(third)])
      wire.send(2)
      const set = () => wire.chain.set([around(drop(all, { nth: 5 })), failing])
      expect(set).toThrow('cannot be made')
      wire.send(3)
      expect(wire.received.map(({ id }) => id)).toEqual([1, 2, 4, 5])
    }
  })

  test('a refused change leaves a trace where it is', () => {
    const wire = makeWire([trace([10, 20])])
    wire.send()
    wire.advance(5 * MS)
    expect(() => wire.chain.set([trace([1]), failing])).toThrow('cannot be made')
    wire.advance(20 * MS)
    expect(wire.left).toBe('1@10')
  })

  test('a stage that could not be made first draws its numbers from the start of its stream', () => {
    const lost = (isRefused: boolean) => {
      const wire = makeWire([])
      const flows = match({ flow: 0.5 }, [loss(1)])
      if (isRefused) {
        expect(() => wire.chain.set([flows, failing])).toThrow('cannot be made')
      }
      wire.chain.set([flows])
      for (let port = 1; port <= 50; port++) {
        wire.sendFrame(datagram(port))
      }
      return wire.received.map(({ id }) => id)
    }
    expect(lost(true)).toEqual(lost(false))
  })

  test('a stage that was made before another one failed is closed', () => {
    const rung = { count: 0, closed: 0 }
    const wire = makeWire([])
    expect(() => wire.chain.set([beating(rung), failing])).toThrow('cannot be made')
    wire.advance(1000)
    expect(rung).toEqual({ count: 0, closed: 1 })
  })

  test('the same match again keeps the stages in its branches', () => {
    const same = match(all, [delay('1us')])
    const wire = makeWire([same])
    wire.send(1)
    wire.chain.set([same, loss(0)])
    wire.send(1)
    expect(wire.chain.report()).toMatchObject([
      { stage: 'match' },
      { stage: 'delay', in: 2, held: 2 },
      { stage: 'loss' },
    ])
    wire.advance(1000)
    expect(wire.received.length).toBe(2)
  })

  test('a removed stage is closed when it is empty, and its alarms end', () => {
    const rung = { count: 0, closed: 0 }
    const wire = makeWire([beating(rung)])
    wire.advance(1000)
    wire.chain.set([])
    wire.advance(1000)
    expect(rung).toEqual({ count: 10, closed: 1 })
    expect(wire.clock.armed).toBe(0)
  })

  test('a stage that is added again continues its random stream', () => {
    const lost = (change: boolean) => {
      const wire = makeWire([loss(0.5)])
      wire.send(20)
      if (change) {
        wire.chain.set([])
        wire.chain.set([loss(0.5)])
      }
      wire.send(20)
      return wire.received.map(({ id }) => id)
    }
    expect(lost(true)).toEqual(lost(false))
  })

  test('a removed gate lets its packets pass the gate after it', () => {
    const wire = makeWire([hold(), hold(), lossEvery(2)])
    wire.send(4)
    wire.chain.set([])
    expect(wire.received.map(({ id }) => id)).toEqual([1, 3])
  })

  test('a change in the middle of a change holds', () => {
    const changing: Impairment = next => ({
      push: skb => {
        wire.chain.set([loss(0), delay('10ns')])
        next.push(skb)
      },
    })
    const wire = makeWire([hold(), changing])
    wire.send(2)
    wire.chain.set([delay('5ns')])
    wire.send(1)
    wire.advance(100)
    expect(wire.received.map(({ id }) => id).sort()).toEqual([1, 2, 3])
    expect(wire.chain.report().map(({ stage }) => stage)).toEqual(['loss', 'delay'])
  })

  test('a closed chain ignores changes', () => {
    const wire = makeWire([delay('1us')])
    wire.chain.close()
    wire.chain.set([beating({ count: 0, closed: 0 })])
    wire.send(1)
    expect([wire.chain.report().length, wire.clock.armed, wire.chain.drops]).toEqual([
      1,
      0,
      { closed: 1 },
    ])
  })

  test('stages inside another are made when it is made or changed, never later', () => {
    const late: Impairment = function late(_, env) {
      return { push: skb => env.inner('then', []).push(skb) }
    }
    const wire = makeWire([late])
    wire.send(1)
    expect(wire.failures).toEqual([
      expect.stringContaining('call it when the stage is made or changed'),
    ])
  })

  test('repeated changes of limits take the memory of one', () => {
    const { chain, pool } = chainOf({ small: 10, reserve: 1000 })
    const limit = () => ({ packets: 100 })
    for (let i = 0; i < 20; i++) {
      chain.set([delay('10ns', { limit: limit() }), loss(i / 100)])
    }
    expect(pool.small.count).toBe(110)
    const shared = limit()
    chain.set([
      delay('10ns', { limit: shared }),
      rate(1e6, { limit: shared }),
      delay('1ns', { limit: limit() }),
    ])
    expect(pool.small.count).toBe(210)
    chain.close()
  })

  test('repeated changes with a limit beyond the reserve take half of it', () => {
    const { chain, pool } = chainOf({ small: 10, reserve: 1000 })
    for (let i = 0; i < 20; i++) {
      chain.set([delay('1h', { limit: { packets: 1e6 } }), loss(i / 100)])
    }
    expect(pool.small.count).toBe(510)
    chain.close()
    expect(pool.small.count).toBe(10)
  })
})

test('a wire that holds packets for long leaves other wires what their limits allow', () => {
  const { chain: hog, pool, clock } = chainOf({ small: 64, reserve: 1000 })
  for (let i = 0; i < 2; i++) {
    pool.openAccount(() => {})
  }
  const other = plainChain({ clock, pool, end: { push: skb => skb.free() } })
  hog.set([delay('1h', { limit: { packets: 1e6 } })])
  other.set([delay('1h', { limit: { packets: 100 } })])
  const flood = (chain: Chain) => {
    for (let i = 0; i < 2000; i++) {
      const skb = pool.alloc(60)
      skb?.put(60)
      if (skb !== undefined) {
        chain.push(skb)
      }
    }
    return chain.report()[0]
  }
  // Half of the reserve, and half of the usual slots.
  expect(flood(hog)).toMatchObject({ held: 532, drops: { memory: 1468 } })
  expect(flood(other)).toMatchObject({ held: 100, drops: { limit: 1900 } })
  hog.close()
  expect(pool.small.count).toBe(164)
  other.close()
  expect([pool.small.count, pool.out]).toEqual([64, 0])
})

test('a chain without stages is idle when the last packet of its removed stages has left', () => {
  const { chain, clock, send, received, idle } = chainOf()
  chain.set([delay('1us'), delay('1us')])
  send(2)
  chain.set([])
  send()
  clock.advance(1500)
  send()
  expect([chain.busy, idle()]).toEqual([true, 0])
  clock.advance(1000)
  send()
  expect([chain.busy, idle(), received]).toEqual([false, 1, [3, 4, 1, 2, 5]])
  chain.close()
})

test('close drops the packets in all stages, even in removed stages that push them on', () => {
  const kept: SkBuff[] = []
  const pushing: Impairment = (next, env) => ({
    push: skb => void (env.hold(skb) && kept.push(skb)),
    close: () => {
      for (const skb of kept.splice(0)) {
        next.push(skb)
      }
    },
  })
  const broken: Impairment = next => ({
    push: skb => next.push(skb),
    close: () => {
      throw new Error('cannot close')
    },
  })
  const later = delay('1us')
  const wire = makeWire([pushing, broken, later])
  wire.send(2)
  wire.chain.set([later])
  wire.send(1)
  wire.chain.close()
  expect(wire.conserved()).toMatchObject({ in: 3, out: 0, dropped: 3, held: 0 })
  expect(wire.failures).toContain('broken: Error: cannot close')
  expect(wire.clock.armed).toBe(0)
})

const stages = fc.array(
  fc.constantFrom<() => Impairment>(
    () => delay('3us'),
    () => delay('500ns', { limit: { packets: 1000 } }),
    () => rate(1e9),
    () => corrupt(0.5),
    () => loss(0),
    () => hold(),
    () => match((_, at) => at % 3 === 0, [delay('700ns')], [rate(1e9), hold()]),
  ),
  { maxLength: 5 },
)

test('no sequence of changes loses or keeps a packet', () => {
  const steps = fc.array(fc.tuple(stages, fc.nat(5), fc.nat(4000)), { minLength: 1, maxLength: 12 })
  const property = fc.property(steps, changes => {
    const wire = makeWire([])
    for (const [made, packets, ns] of changes) {
      wire.chain.set(made.map(make => make()))
      wire.send(packets, 10)
      wire.advance(ns)
      expect(wire.conserved()).toMatchObject({ dropped: 0 })
    }
    wire.chain.set([])
    wire.advance(1_000_000)
    const { in: sent, out, held } = wire.conserved()
    expect([out, held]).toEqual([sent, 0])
    expect(new Set(wire.received.map(({ id }) => id)).size).toBe(sent)
    wire.send(1)
    expect(wire.chain.busy).toBe(false)
  })
  fc.assert(property, { seed: SEED, numRuns: either(1000, 50) })
})
