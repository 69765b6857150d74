import { describe, expect, test } from 'vitest'
import { Irq } from '#src/netdev/irq.ts'
import { Napi } from '#src/netdev/napi.ts'
import { partsOf } from '#src/netdev/parts.ts'
import { Ring } from '#src/skb/ring.ts'
import { addDevice, freshNet } from '#support/memory-net.ts'
import { balancedPool, skbOf } from '#support/skb.ts'
import { snullPair } from '#support/snull-pair.ts'

const memory = freshNet()
const balanced = balancedPool({ large: 0, small: 4 })

describe('partsOf', () => {
  test('a device without a driver of its own has its queues and its share of the frame memory', async () => {
    const { dev } = await addDevice(memory)
    dev.tx[0]?.stop()
    expect(partsOf(dev)).toEqual([
      { kind: 'queue', name: 'tx 0', direction: 'tx', length: 0, state: 'stopped' },
      { kind: 'pool', name: 'frames', length: 0, capacity: dev.slots.quota },
    ])
    expect(dev.slots.quota).toBeGreaterThan(0)
  })

  test('an interrupt is a part from request to free, with its masked and pending bits', async () => {
    const { dev } = await addDevice(memory)
    const irq = new Irq(dev)
    const irqs = () => partsOf(dev).filter(({ kind }) => kind === 'irq')
    expect(irqs()).toEqual([])
    irq.request(() => 0)
    expect(irqs()).toEqual([{ kind: 'irq', name: 'irq 0', state: 'idle', count: 0 }])
    irq.raise(4)
    memory.net.flush()
    irq.mask(6)
    expect(irqs()).toEqual([
      { kind: 'irq', name: 'irq 0', state: 'masked 0x6, status 0x4', count: 1 },
    ])
    irq.free()
    expect(irqs()).toEqual([])
  })

  test('a poll is a part while it is enabled, and counts how often it ran', async () => {
    const { dev } = await addDevice(memory)
    const napi = new Napi(dev, () => {
      napi.completeDone(0)
      return 0
    })
    const napis = () => partsOf(dev).filter(({ kind }) => kind === 'napi')
    napi.enable()
    napi.schedule()
    expect(napis()).toEqual([{ kind: 'napi', name: 'napi 0', state: 'scheduled', count: 0 }])
    memory.net.flush()
    expect(napis()).toEqual([{ kind: 'napi', name: 'napi 0', state: 'idle', count: 1 }])
    napi.disable()
    expect(napis()).toEqual([])
  })

  test('snull has its buffers and its receive ring', async () => {
    const { sn0 } = await snullPair(memory, { poolSize: 8, ringSize: 16 })
    const own = partsOf(sn0).filter(({ kind }) => kind === 'buffers' || kind === 'ring')
    expect(own).toEqual([
      { kind: 'buffers', name: 'tx buffers 0', direction: 'tx', length: 0, capacity: 8 },
      { kind: 'ring', name: 'rx ring', direction: 'rx', length: 0, capacity: 16 },
    ])
  })

  test("without ndoGetParts, the rings in the driver's data are parts, named by their places there", async () => {
    const { dev } = await addDevice(memory)
    const [ring, lanes] = [new Ring(2), [{ ring: new Ring(4) }, { ring: new Ring(8), busy: true }]]
    const board = { tx: new Ring(16), rx: [new Ring(32)], deeper: { ring: new Ring(1) } }
    const all = { ring, lanes, board, params: { slots: 2 }, bytes: new Uint8Array(8), none: null }
    ring.push(skbOf(balanced, [1, 2, 3]))
    Object.assign(dev, { priv: all })
    const capacity = dev.slots.quota
    expect(partsOf(dev).slice(1)).toEqual([
      { kind: 'ring', name: 'ring', length: 1, capacity: 2 },
      { kind: 'ring', name: 'lanes[0].ring', length: 0, capacity: 4 },
      { kind: 'ring', name: 'lanes[1].ring', length: 0, capacity: 8 },
      { kind: 'ring', name: 'board.tx', direction: 'tx', length: 0, capacity: 16 },
      { kind: 'ring', name: 'board.rx[0]', direction: 'rx', length: 0, capacity: 32 },
      { kind: 'pool', name: 'frames', length: 0, capacity },
    ])
    ring.shift()?.free()
    dev.netdevOps = { ...dev.netdevOps, ndoGetParts: () => [] }
    expect(partsOf(dev).map(({ kind }) => kind)).toEqual(['queue', 'pool'])
  })

  test('a throwing ndoGetParts is logged, and the parts of the framework remain', async () => {
    const { dev } = await addDevice(memory, {
      ndoGetParts() {
        throw new Error('broken')
      },
    })
    expect(partsOf(dev).map(({ kind }) => kind)).toEqual(['queue', 'pool'])
    expect(memory.lines.join()).toContain('ndoGetParts: Error: broken')
  })

  test.each([
    ['not a list of parts', { 0: { kind: 'ring', name: 'r' } }],
    ['is async, but must return a list of parts at once', Promise.resolve([])],
    ['returned a part whose kind is undefined', [undefined]],
    ['returned a part whose kind is heap', [{ kind: 'heap', name: 'r' }]],
    ['returned a part whose name is 7', [{ kind: 'ring', name: 7 }]],
    ['returned a part whose name is rrr', [{ kind: 'ring', name: 'r'.repeat(201) }]],
    ['returned a part whose direction is up', [{ kind: 'ring', name: 'r', direction: 'up' }]],
    ['returned a part whose length is -1', [{ kind: 'ring', name: 'r', length: -1 }]],
    [
      'returned a part whose capacity is 4294967296',
      [{ kind: 'ring', name: 'r', capacity: 2 ** 32 }],
    ],
    ['returned a part whose state is 0', [{ kind: 'ring', name: 'r', state: 0 }]],
    ['returned a part whose count is 0.5', [{ kind: 'ring', name: 'r', count: 0.5 }]],
  ])(
    'a wrong return value of ndoGetParts is logged, "%s", and the other parts are kept',
    async (line, wrong) => {
      const good = { kind: 'ring', name: 'good', length: 1, capacity: 2 } as const
      const parts = Array.isArray(wrong) ? [...wrong, good] : wrong
      const { dev } = await addDevice(memory, { ndoGetParts: () => parts as never })
      const kinds = Array.isArray(wrong) ? ['queue', 'ring', 'pool'] : ['queue', 'pool']
      expect(partsOf(dev).map(({ kind }) => kind)).toEqual(kinds)
      expect(memory.lines.join()).toContain(line)
    },
  )
})
