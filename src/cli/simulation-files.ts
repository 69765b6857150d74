/** The capture that a simulation writes. */
import { closeSync, writeSync } from 'node:fs'
import { NSEC_PER_SEC } from '../base/clock.ts'
import type { CapturedPacket } from '../capture/packet.ts'
import { PACKET_OVERHEAD, writeInterface, writePacket, writeSection } from '../capture/pcapng-writer.ts'
import { openOutput } from '../linux/regular-file.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Direction } from '../wire/wire.ts'

const CHUNK = 1024 * 1024

/** A pcapng file of the frames that leave: ab is interface 0, ba is interface 1. */
export class SimulationOutput implements Disposable {
  /** The moment that is 0 in the simulation. */
  seconds = 0
  nanoseconds = 0
  readonly #fd: number
  readonly #buffer = new Uint8Array(CHUNK)
  readonly #packet: CapturedPacket
  #end: number
  /** The first error in writing: a full disk must not look like an error of a stage. */
  failure: unknown

  /** Creates the file, or empties it. Throws a UsageError if that fails. */
  constructor(path: string) {
    this.#fd = openOutput(path)
    const to = this.#buffer
    this.#end = writeSection(to, 0, { userAppl: 'vnet simulate' })
    for (const name of ['ab', 'ba']) this.#end = writeInterface(to, this.#end, { name })
    const nothing = { bytes: to, at: 0, capturedLength: 0, originalLength: 0 }
    this.#packet = { seconds: 0, nanoseconds: 0, interfaceIndex: 0, ...nothing }
  }

  /** Writes a frame that left at `time` ns, with `queueMapping` known bytes. */
  add({ bytes, data, len, queueMapping }: SkBuff, direction: Direction, time: number): void {
    const packet = this.#packet
    const ns = this.nanoseconds + Math.round(time)
    const seconds = Math.floor(ns / NSEC_PER_SEC)
    packet.seconds = this.seconds + seconds
    packet.nanoseconds = ns - seconds * NSEC_PER_SEC
    packet.interfaceIndex = direction === 'ab' ? 0 : 1
    packet.bytes = bytes
    packet.at = data
    packet.capturedLength = Math.min(len, queueMapping)
    packet.originalLength = len
    if (this.#end + packet.capturedLength + PACKET_OVERHEAD > CHUNK) this.flush()
    this.#end = writePacket(this.#buffer, this.#end, packet)
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  /** Writes the waiting data. */
  flush(): void {
    try {
      for (let at = 0; at < this.#end; ) at += writeSync(this.#fd, this.#buffer, at, this.#end - at)
    } catch (error) {
      this.failure ??= error
    }
    this.#end = 0
  }
}
