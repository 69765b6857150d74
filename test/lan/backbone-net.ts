/** What `vnet lan` is, in memory: ports with a backbone behind them, and a client's frames on the first one. */
import { afterEach } from 'vitest'
import { defineDriver } from '../../src/core/driver.ts'
import { EPERM } from '../../src/core/errno.ts'
import { lanPorts, portParams } from '../../src/drivers/lan.ts'
import type { Native } from '../../src/kernel/native.ts'
import { Backbone, type Start } from '../../src/lan/backbone.ts'
import { parseLanConfig } from '../../src/lan/config.ts'
import type { LanSetup } from '../../src/lan/population.ts'
import { Segment } from '../../src/segment/segment.ts'
import type { Frame } from '../../src/testing/memory-port.ts'
import { settle } from '../segment/lan-net.ts'
import { MemoryStore } from '../support/dhcp.ts'
import { addDriver, type MemoryNet } from '../support/memory-net.ts'

/** What a configuration says, and what else there is. */
export function setupOf(yaml = '', more: Partial<LanSetup> = {}): LanSetup {
  return { config: parseLanConfig(yaml, 'lan.yaml'), hosts: [], count: 0, ...more }
}

export interface BackboneNet {
  readonly backbone: Backbone
  readonly segment: Segment
  readonly store: MemoryStore
  /** Sends a frame on the port; what the port's host got from it. */
  ask(frame: Uint8Array): Frame[]
  /** Time goes by; what the port's host got meanwhile. */
  wait(ns: number): Frame[]
}

/** Everything is where it was going, and accounted for. */
export function account(memory: MemoryNet, segment: Segment): void {
  memory.net.flush()
  settle(memory, { segment, outside: { kept: 0 } })
}

/** Where nobody may have a namespace. */
const native = { createNetns: () => -EPERM } as unknown as Native

/** To be called once by a test file, behind memoryNets(); what it answers makes a port with a carrier. */
export function backbones(): (memory: MemoryNet, setup: LanSetup, start?: Start) => Promise<BackboneNet> {
  const made: { backbone: Backbone; memory: MemoryNet; segment: Segment }[] = []
  afterEach(async () => {
    for (const { backbone, memory, segment } of made.splice(0)) {
      await backbone[Symbol.asyncDispose]()
      account(memory, segment)
    }
  })
  return async (memory, setup, start) => {
    const { net } = memory
    const segment = new Segment({ clock: net.clock })
    const store = new MemoryStore()
    const backbone = new Backbone({ net, native, segment, store, name: 'eth8', start }, setup)
    made.push({ backbone, memory, segment })
    const driver = defineDriver({
      ...{ name: 'lan', description: '', args: 'IF', params: portParams },
      init: (values, context) => lanPorts(values, context, segment, () => Uint8Array.of(2, 0, 0, 0, 0, 1)),
    })
    const { ports } = await addDriver(memory, driver, { negotiation: 0 }, { args: ['eth8'] })
    const [port] = ports
    if (port === undefined) throw new Error('no port')
    const since = (cause: () => void): Frame[] => {
      const before = port.received.length
      cause()
      account(memory, segment)
      return port.received.slice(before)
    }
    return {
      ...{ backbone, segment, store },
      ask: frame =>
        since(() => {
          port.transmit(frame)
          port.drain()
        }),
      wait: ns => since(() => memory.clock.advance(ns)),
    }
  }
}
