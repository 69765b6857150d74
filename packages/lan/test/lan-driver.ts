/**
 * The driver of `vnet lan` in memory, with a configuration file and a client's frames on its port.
 * Its hosts have no TCP, which needs a kernel.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, vi } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { EPERM } from '#src/base/errno.ts'
import type { Frame, MemoryPort } from '#src/bed/memory-port.ts'
import type { SegmentEntry, SegmentEntryKind } from '#src/control/protocol/segment-entry.ts'
import type { Native } from '#src/linux/native.ts'
import { unregisterNetdev } from '#src/netdev/register.ts'
import { addDriver, type MemoryNet, type MemoryNetOptions, sendAll } from '#support/memory-net.ts'
import { lan } from '../src/driver.ts'

/** An addon with which no network namespace can be created. */
export const powerless = { createNetns: () => -EPERM } as Partial<Native> as Native

export interface LanDriver {
  readonly memory: MemoryNet
  readonly driver: ReturnType<typeof lan>
  readonly port: MemoryPort
  /** The path of the configuration file, and a function that replaces its text. */
  readonly file: string
  write(text: string): void
  /** Transmits a frame, and returns the frames received because of it. */
  ask(frame: Uint8Array): Frame[]
  /** As `ask`, for a reply that is sent when a file has been written; waits for it. */
  askLater(frame: Uint8Array): Promise<Frame[]>
  /** Advances the clock by seconds, and returns the frames received meanwhile. */
  wait(seconds: number): Frame[]
  entries<K extends SegmentEntryKind>(kind: K): Extract<SegmentEntry, { kind: K }>[]
}

/** Called once in a test file, after memoryNets(). */
export function lanDrivers(
  makeNet: (options?: MemoryNetOptions) => MemoryNet,
): (text: string, options?: MemoryNetOptions) => Promise<LanDriver> {
  const ends: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0)) {
      await end()
    }
  })
  return async (text, options) => {
    const memory = makeNet(options)
    const directory = mkdtempSync(join(tmpdir(), 'vnet-lan-'))
    const [file, leases] = [join(directory, 'lan.yaml'), join(directory, 'leases.json')]
    writeFileSync(file, text)
    const driver = lan()
    ends.push(async () => {
      for (const dev of [...memory.net.devices]) {
        await unregisterNetdev(dev)
      }
      await driver.exit?.()
      rmSync(directory, { recursive: true })
      account()
    })
    const entries = <K extends SegmentEntryKind>(kind: K) =>
      [...(driver.segment?.(new Set([kind])) ?? [])] as Extract<SegmentEntry, { kind: K }>[]
    // Frames that were created on the segment and left it.
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
      memory,
      driver,
      port,
      file,
      entries,
      write: text => writeFileSync(file, text),
      ask: frame =>
        got(() => {
          sendAll(port, frame)
        }),
      async askLater(frame) {
        const before = port.received.length
        sendAll(port, frame)
        await vi.waitFor(() => {
          memory.net.flush()
          if (port.received.length === before) throw new Error('no answer yet')
        }, 30_000)
        account()
        return port.received.slice(before)
      },
      wait: seconds => got(() => memory.clock.advance(seconds * NSEC_PER_SEC)),
    }
  }
}
