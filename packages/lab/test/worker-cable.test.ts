import { expect, test, vi } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { SKB_DROP_REASON_MAX, SKB_DROP_REASON_NOMEM } from '#src/skb/drop-reason.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import type { Wire, WireEnv } from '#src/wire/wire.ts'
import { ethernet } from '#support/frames.ts'
import { type MemoryNet, memoryNets } from '#support/memory-net.ts'
import { CarriedCable } from '../src/carrier/cable.ts'
import type { CableSpec, FaultSpec } from '../src/carrier/protocol.ts'

const makeNet = memoryNets()

const SPEC: CableSpec = {
  lab: 'lab',
  a: {
    isRouter: false,
    host: 'left',
    path: 'a',
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    addresses: ['198.18.0.1/24'],
  },
  b: {
    isRouter: false,
    host: 'right',
    path: 'b',
    mac: Uint8Array.of(2, 0, 0, 0, 0, 2),
    addresses: [],
  },
  ab: '',
  ba: '',
  seed: 7,
  mtu: undefined,
  capture: undefined,
}

/** Frames of this type are what filters match. */
const TYPE = 0x88b5
/** A filter in the language of this test: the number of the frame. */
const resources = {
  ...noResources,
  filter: (text: string) => {
    const matches = (bytes: Uint8Array, at: number) => bytes[at + 14] === Number(text)
    return Object.assign(matches, { text })
  },
}

async function joined(memory: MemoryNet = makeNet(), spec: Partial<CableSpec> = {}) {
  const cable = await CarriedCable.join(memory.net, resources, { ...SPEC, ...spec })
  const [a, b] = memory.platform.ports as [
    (typeof memory.platform.ports)[0],
    (typeof memory.platform.ports)[0],
  ]
  const send = (...numbers: number[]) => {
    for (const n of numbers) {
      a.transmit(ethernet(TYPE, [n]))
    }
  }
  const arrived = () => b.received.splice(0).map(({ bytes }) => bytes[14])
  return { memory, cable, a, b, send, arrived }
}

const fault = (spec: Partial<FaultSpec> = {}) => {
  const hits = new SharedArrayBuffer(4)
  const full: FaultSpec = {
    direction: 'ab',
    action: 'drop',
    filter: undefined,
    when: { every: 1 },
    hits,
    ...spec,
  }
  return { spec: full, hits: new Int32Array(hits) }
}

test('both ends have the hardware addresses, the MTU and the addresses that were asked for', async () => {
  const { memory, a } = await joined(makeNet(), { mtu: 1280 })
  expect(memory.devices.map(({ mtu, devAddr }) => [mtu, devAddr[5]])).toEqual([
    [1280, 1],
    [1280, 2],
  ])
  expect(a.addresses).toEqual(['198.18.0.1/24'])
})

test('a cable closes both ends at the same time', async () => {
  const { cable, a, b } = await joined()
  const [closeA, closeB] = [a.close.bind(a), b.close.bind(b)]
  let closesB = () => {}
  const isClosingB = new Promise<void>(resolve => {
    closesB = resolve
  })
  vi.spyOn(a, 'close').mockImplementation(() => isClosingB.then(closeA))
  vi.spyOn(b, 'close').mockImplementation(() => {
    closesB()
    return closeB()
  })
  await cable.close()
})

test('a client names the stages of the lab and keeps its faults, and the log has notes about its text', async () => {
  const memory = makeNet()
  const odd = (next: Wire, env: WireEnv) => {
    let n = 0
    return { push: (skb: SkBuff) => (++n % 2 === 0 ? env.drop(skb, 'odd') : next.push(skb)) }
  }
  const stage = (name: string) => Object.assign(odd, { kind: name, text: name })
  const cable = await CarriedCable.join(
    memory.net,
    { ...resources, stage },
    { ...SPEC, ab: 'rate 10 limit 5' },
  )
  const [{ netdevOps }] = memory.devices as [NetDevice]
  const [ab] = netdevOps.ndoGetWires?.(memory.devices[0] as NetDevice) ?? []
  cable.addFault(1, fault().spec, resources)
  ab?.change('stage odd', noResources)
  const report = await cable.inOrder(() => cable.report())
  expect(report.ab).toMatchObject({
    text: 'drop every 1 | odd',
    stages: [{ stage: 'fault 1' }, { stage: 'odd' }],
  })
  expect(() => ab?.change('delay 50', noResources)).toThrow("the time '50' has no unit")
  expect(memory.lines).toContainEqual(
    expect.stringContaining("'10' has no unit: it means 10bit/s, as in tc(8)"),
  )
})

test('wrong words join nothing, and change neither direction later', async () => {
  const memory = makeNet()
  await expect(joined(memory, { ab: 'delay soon' })).rejects.toThrow('soon')
  expect(memory.platform.ports).toEqual([])
  const { cable } = await joined(memory, { ab: 'delay 1ms' })
  expect(() => cable.setWire('loss 1%', 'delay soon', resources)).toThrow('soon')
  expect([cable.report().ab.text, cable.report().ba.text]).toEqual(['delay 1ms', ''])
})

test('a call comes after the frames that were sent before it, and calls keep their order', async () => {
  const { cable, a, send, arrived } = await joined()
  // As the event loop does: it reads in a turn of its own.
  send(1, 2)
  setImmediate(() => setImmediate(() => a.drain()))
  const first = fault()
  const order: number[] = []
  const added = cable.inOrder(() => {
    order.push(1)
    cable.addFault(1, first.spec, resources)
  })
  const failed = cable.inOrder(() => {
    order.push(2)
    throw new Error('on purpose')
  })
  const removed = cable.inOrder(() => order.push(3))
  await expect(failed).rejects.toThrow('on purpose')
  await Promise.all([added, removed])
  expect([arrived(), order, first.hits[0]]).toEqual([[1, 2], [1, 2, 3], 0])
})

test("faults count matching packets in the order in which they were added, before the wire's stages", async () => {
  const { cable, a, send, arrived } = await joined(makeNet(), { ab: 'duplicate 100%' })
  const [drop, twice] = [fault({ filter: '2' }), fault({ action: 'duplicate', when: { nth: 1 } })]
  cable.addFault(1, drop.spec, resources)
  cable.addFault(2, twice.spec, resources)
  send(2, 3, 4)
  a.drain()
  expect([arrived(), drop.hits[0], twice.hits[0]]).toEqual([[3, 3, 3, 3, 4, 4], 1, 1])
  cable.removeFault(1)
  send(2)
  a.drain()
  expect([arrived(), drop.hits[0], twice.hits[0]]).toEqual([[2, 2], 1, 1])
})

test('hit settles at its number of hits, and rejects when the fault or the cable ends', async () => {
  const { cable, a, send } = await joined()
  cable.addFault(1, fault().spec, resources)
  cable.addFault(2, fault({ direction: 'ba' }).spec, resources)
  const hits = cable.hit(1, 2)
  send(1, 2)
  a.drain()
  await hits
  await cable.hit(1, 1)
  const waiting = [cable.hit(1, 3), cable.hit(2, 1)].map(each =>
    each.catch((error: Error) => error.message),
  )
  cable.removeFault(1)
  await cable.close()
  expect(await Promise.all(waiting)).toEqual([
    'the fault was removed after 2 of 3 hits',
    'the link was closed after 0 of 1 hits',
  ])
  await expect(cable.hit(1, 1)).rejects.toThrow('the fault was removed')
})

test('a partition lasts its time of the clock, and a second one its own', async () => {
  const { cable, a, send, arrived, memory } = await joined()
  const first = cable.partition(10, ['ab', 'ba'])
  const second = cable.partition(20, ['ab', 'ba'])
  // Both have begun.
  await cable.inOrder(() => {})
  for (const n of [1, 2, 3]) {
    send(n)
    a.drain()
    memory.clock.advance(10 * NSEC_PER_MSEC)
    await Promise.all(n === 1 ? [first] : [first, second])
  }
  expect(arrived()).toEqual([3])
  expect(cable.report().a.drops).toEqual({ WIRE_LOSS: 2 })
})

test('a reset gives a cable its wires, its random decisions and its counts as if it were new', async () => {
  const { cable, a, send, arrived } = await joined(makeNet(), { ab: 'loss 40%' })
  const numbers = Array.from({ length: 40 }, (_, i) => i)
  const pass = () => {
    send(...numbers)
    a.drain()
    return arrived()
  }
  const first = pass()
  const { a: ends, ab } = cable.report()
  pass()
  cable.addFault(1, fault().spec, resources)
  const waiting = cable.hit(1, 99).catch((error: Error) => error.message)
  const partition = cable.partition(60_000, ['ab', 'ba'])
  await cable.inOrder(() => cable.setWire('loss 1%', 'delay 1ms', resources))
  pass()
  await cable.inOrder(() => cable.reset(7, 'loss 40%', '', resources))
  await partition
  expect(await waiting).toBe('the link was reset after 0 of 99 hits')
  expect([cable.report().a, cable.report().ab.former, cable.report().ba.text]).toEqual([
    { sent: 0, sentBytes: 0, received: 0, drops: {}, beforeVnet: 0 },
    [],
    '',
  ])
  expect(pass()).toEqual(first)
  expect([cable.report().a, cable.report().ab]).toEqual([ends, ab])
  cable.reset(8, 'loss 40%', '', resources)
  expect(pass()).not.toEqual(first)
})

test('a reset with a wrong text changes nothing, and the packets that the wire held arrive', async () => {
  const { cable, a, send, arrived, memory } = await joined(makeNet(), { ab: 'delay 10ms' })
  send(1)
  a.drain()
  expect(() => cable.reset(7, 'loss 1%', 'delay soon', resources)).toThrow('soon')
  expect(cable.report().ab.text).toBe('delay 10ms')
  cable.reset(7, '', '', resources)
  memory.clock.advance(10 * NSEC_PER_MSEC)
  await cable.inOrder(() => {})
  expect(arrived()).toEqual([1])
})

test('closing ends a partition, and is idempotent', async () => {
  const { cable } = await joined()
  const partition = cable.partition(60_000, ['ab', 'ba'])
  await cable.inOrder(() => {})
  await Promise.all([cable.close(), cable.close(), partition])
})

test('a partition that has not started when the cable is closed ends immediately, and other calls are refused', async () => {
  const { cable } = await joined()
  const partition = cable.partition(60_000, ['ab', 'ba'])
  const changed = cable.inOrder(() => 'changed')
  await cable.close()
  await expect(changed).rejects.toThrow('the link is closed')
  await partition
})

test.each([
  ['delay 50', "the time '50' has no unit: write 50ms"],
  ['rate 1mbit | delay 20ms 5 25', "the time '5' has no unit"],
  ['drop "1" nth 2 after 2', "the time '2' has no unit"],
])('the words %j are refused, whose time has no unit', async (words, text) => {
  const { cable } = await joined()
  expect(() => cable.setWire(words, undefined, resources)).toThrow(text)
  expect(cable.report().ab.text).toBe('')
})

test('percentages, counts, filters and a time of 0 need no unit', async () => {
  const { cable } = await joined()
  const words = 'loss 1 | delay 20ms 5ms 25 | delay 0 | drop "delay 5" nth 2'
  expect(() => cable.setWire(words, undefined, resources)).not.toThrow()
})

test('the times of a fault have a unit if they are texts', async () => {
  const { cable } = await joined()
  const refused = [fault({ action: { delay: '50' } }), fault({ when: { every: 1, after: '2' } })]
  for (const { spec } of refused) {
    expect(() => cable.addFault(1, spec, resources)).toThrow('has no unit')
  }
  cable.addFault(
    1,
    fault({ action: { delay: 50 }, when: { every: 1, after: '2ms' } }).spec,
    resources,
  )
})

test('the drops of an end include both directions, by reason', async () => {
  const { cable, memory } = await joined()
  const [a] = memory.devices as [NetDevice]
  const row = (n: number) =>
    new Float64Array(SKB_DROP_REASON_MAX).fill(n, SKB_DROP_REASON_NOMEM, SKB_DROP_REASON_NOMEM + 1)
  vi.spyOn(a.counters, 'drops').mockReturnValueOnce({ tx: row(1), rx: row(2) })
  expect(cable.report().a.drops).toEqual({ NOMEM: 3 })
})

test('a fault makes the same random decisions for the same seed, whatever was carried before', async () => {
  const corrupted = async (id: number) => {
    const { cable, a, b, send } = await joined()
    cable.addFault(id, fault({ action: 'corrupt' }).spec, resources)
    send(...Array(5).fill(1))
    a.drain()
    return b.received.map(({ bytes }) => [...bytes])
  }
  const first = await corrupted(1)
  expect(new Set(first.map(String)).size).toBeGreaterThan(1)
  expect(await corrupted(40)).toEqual(first)
})
