/** The driver of `vnet lan` in memory, with a configuration file, and clients' frames on its port. Its hosts have no TCP: that takes a kernel. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, vi } from 'vitest'
import { NSEC_PER_SEC } from '../../src/core/clock.ts'
import { EPERM } from '../../src/core/errno.ts'
import { unregisterNetdev } from '../../src/core/register.ts'
import type { SegmentEntry, SegmentEntryKind } from '../../src/core/segment-entry.ts'
import type { Native } from '../../src/kernel/native.ts'
import { lan } from '../../src/lan/driver.ts'
import type { Frame, MemoryPort } from '../../src/testing/memory-port.ts'
import { addDriver, type MemoryNet, type MemoryNetOptions } from '../support/memory-net.ts'

/** What `loadNative` is to answer: nobody may make a namespace. */
export const powerless = { createNetns: () => -EPERM } as Partial<Native> as Native

export interface LanDriver {
  readonly memory: MemoryNet
  readonly driver: ReturnType<typeof lan>
  readonly port: MemoryPort
  /** The path of the configuration file, and what writes it anew. */
  readonly file: string
  write(text: string): void
  /** What the port's host gets for a frame. */
  ask(frame: Uint8Array): Frame[]
  /** What it gets for a frame whose answer waits for a file: not before there is one. */
  askLater(frame: Uint8Array): Promise<Frame[]>
  /** What it gets in so many seconds. */
  wait(seconds: number): Frame[]
  entries<K extends SegmentEntryKind>(kind: K): Extract<SegmentEntry, { kind: K }>[]
}

/** To be called once by a test file, behind memoryNets(). */
export function lanDrivers(
  makeNet: (options?: MemoryNetOptions) => MemoryNet,
): (text: string, options?: MemoryNetOptions) => Promise<LanDriver> {
  const ends: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })
  return async (text, options) => {
    const memory = makeNet(options)
    const directory = mkdtempSync(join(tmpdir(), 'vnet-lan-'))
    const [file, leases] = [join(directory, 'lan.yaml'), join(directory, 'leases.json')]
    writeFileSync(file, text)
    const driver = lan()
    ends.push(async () => {
      for (const dev of [...memory.net.devices]) await unregisterNetdev(dev)
      await driver.exit?.()
      rmSync(directory, { recursive: true })
      account()
    })
    const entries = <K extends SegmentEntryKind>(kind: K) =>
      [...(driver.segment?.(new Set([kind])) ?? [])] as Extract<SegmentEntry, { kind: K }>[]
    // Frames that were made on the segment and left it.
    const account = () => {
      const frames = Object.fromEntries(entries('counter').map(({ name, value }) => [name, value]))
      memory.made = (frames.made ?? 0) - (frames.taken ?? 0) - (frames.dropped ?? 0)
      memory.conserved()
    }
    const params = { config: file, leases, negotiation: 0 }
    const { ports } = await addDriver(memory, driver, params, { args: ['eth9'] })
    const port = ports[0]!
    const got = (act: () => void): Frame[] => {
      const before = port.received.length
      act()
      memory.net.flush()
      account()
      return port.received.slice(before)
    }
    return {
      ...{ memory, driver, port, file, entries },
      write: text => writeFileSync(file, text),
      ask: frame =>
        got(() => {
          port.transmit(frame)
          port.drain()
        }),
      async askLater(frame) {
        const before = port.received.length
        port.transmit(frame)
        port.drain()
        await vi.waitFor(() => {
          memory.net.flush()
          if (port.received.length === before) throw new Error('no answer yet')
        })
        account()
        return port.received.slice(before)
      },
      wait: seconds => got(() => memory.clock.advance(seconds * NSEC_PER_SEC)),
    }
  }
}
