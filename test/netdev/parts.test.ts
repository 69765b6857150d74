import { describe, expect, test } from 'vitest'
import { Irq } from '../../src/netdev/irq.ts'
import { Napi } from '../../src/netdev/napi.ts'
import { partsOf } from '../../src/netdev/parts.ts'
import { addDevice, memoryNets } from '../support/memory-net.ts'
import { snullPair } from '../support/snull-pair.ts'

const makeNet = memoryNets()

describe('partsOf', () => {
  test('a device without a driver of its own has its queues and its share of the frame memory', async () => {
    const { dev } = await addDevice(makeNet())
    dev.tx[0]?.stop()
    expect(partsOf(dev)).toEqual([
      { kind: 'queue', name: 'tx 0', length: 0, state: 'stopped' },
      { kind: 'pool', name: 'frames', length: 0, capacity: dev.slots.quota },
    ])
    expect(dev.slots.quota).toBeGreaterThan(0)
  })

  test('an interrupt is a part from request to free, with what is masked and what waits', async () => {
    const memory = makeNet()
    const { dev } = await addDevice(memory)
    const irq = new Irq(dev)
    const irqs = () => partsOf(dev).filter(({ kind }) => kind === 'irq')
    expect(irqs()).toEqual([])
    irq.request(() => 0)
    irq.request(() => 0)
    expect(irqs()).toEqual([{ kind: 'irq', name: 'irq 0', state: 'idle', count: 0 }])
    irq.raise(4)
    memory.net.flush()
    irq.mask(6)
    expect(irqs()).toEqual([{ kind: 'irq', name: 'irq 0', state: 'masked 0x6, status 0x4', count: 1 }])
    irq.free()
    expect(irqs()).toEqual([])
  })

  test('a poll is a part while it is enabled, and counts how often it ran', async () => {
    const memory = makeNet()
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
    const { sn0 } = await snullPair(makeNet(), { poolSize: 8, ringSize: 16 })
    const own = partsOf(sn0).filter(({ kind }) => kind === 'buffers' || kind === 'ring')
    expect(own).toEqual([
      { kind: 'buffers', name: 'tx buffers 0', length: 0, capacity: 8 },
      { kind: 'ring', name: 'rx ring', length: 0, capacity: 16 },
    ])
  })

  test('a driver whose ndoGetParts throws is logged and keeps the parts of the framework', async () => {
    const memory = makeNet()
    const { dev } = await addDevice(memory, {
      ndoGetParts() {
        throw new Error('broken')
      },
    })
    expect(partsOf(dev).map(({ kind }) => kind)).toEqual(['queue', 'pool'])
    expect(memory.lines.join()).toContain('ndoGetParts: Error: broken')
  })
})
