/** `vnet lan` in memory: ports with a backbone, and a client's frames on the first port. */
import { afterEach } from 'vitest'
import { EPERM } from '#src/base/errno.ts'
import type { Frame } from '#src/bed/memory-port.ts'
import type { Native } from '#src/linux/native.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { MemoryStore } from '#support/dhcp.ts'
import { addDriver, type MemoryNet } from '#support/memory-net.ts'
import { Backbone, type Start } from '../src/backbone.ts'
import { parseLanConfig } from '../src/config/config.ts'
import type { LanSetup } from '../src/population.ts'
import { lanPorts, portParams } from '../src/port/device.ts'
import { Segment } from '../src/switch/segment.ts'
import { settle } from './lan-net.ts'

/** The setup of a configuration, with further hosts. */
export function setupOf(yaml = '', more: Partial<LanSetup> = {}): LanSetup {
  return { config: parseLanConfig(yaml, 'lan.yaml'), hosts: [], count: 0, ...more }
}

export interface BackboneNet {
  readonly backbone: Backbone
  readonly segment: Segment
  readonly store: MemoryStore
  /** Transmits a frame on the port, and returns the frames received because of it. */
  ask(frame: Uint8Array): Frame[]
  /** Advances the clock by nanoseconds, and returns the frames received meanwhile. */
  wait(ns: number): Frame[]
}

/** Checks that no frame is in flight and that every frame is accounted for. */
export function account(memory: MemoryNet, segment: Segment): void {
  memory.net.flush()
  settle(memory, { segment, outside: { kept: 0 } })
}

/** An addon with which no network namespace can be created. */
const native = { createNetns: () => -EPERM } as unknown as Native

/** Called once in a test file, after memoryNets(). Returns what creates a port with a carrier. */
export function backbones(): (
  memory: MemoryNet,
  setup: LanSetup,
  start?: Start,
) => Promise<BackboneNet> {
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
      name: 'lan',
      description: '',
      args: 'IF',
      params: portParams,
      init: (values, context) =>
        lanPorts(values, context, segment, () => Uint8Array.of(2, 0, 0, 0, 0, 1)),
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
      backbone,
      segment,
      store,
      ask: frame =>
        since(() => {
          port.transmit(frame)
          port.drain()
        }),
      wait: ns => since(() => memory.clock.advance(ns)),
    }
  }
}
