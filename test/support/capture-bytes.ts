/**
 * Capture files made by hand, in either byte order, without the code under test; and their packets
 * as plain objects.
 */
import type { PcapngSource } from '#src/capture/pcapng-content.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import type { CaptureRecord } from '#src/capture/record.ts'

/** Lists of bytes in one byte order. */
export class Order {
  readonly little: boolean

  constructor(little: boolean) {
    this.little = little
  }

  #number(value: bigint, length: number): number[] {
    const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
    return this.little ? bytes : bytes.reverse()
  }

  u16 = (value: number) => this.#number(BigInt(value), 2)
  u32 = (value: number) => this.#number(BigInt(value), 4)
  u64 = (value: bigint) => this.#number(value, 8)

  option = (code: number, value: number[]) => [
    ...this.u16(code),
    ...this.u16(value.length),
    ...pad(value),
  ]

  block = (type: number, ...body: number[][]) => {
    const bytes = body.flat()
    const length = this.u32(12 + bytes.length)
    return [...this.u32(type), ...length, ...bytes, ...length]
  }

  section = (...options: number[][]) =>
    this.block(
      0x0a0d0d0a,
      this.u32(0x1a2b3c4d),
      this.u16(1),
      this.u16(0),
      this.u64(-1n),
      ...options,
    )

  interface = (linkType: number, snaplen: number, ...options: number[][]) =>
    this.block(1, this.u16(linkType), this.u16(0), this.u32(snaplen), ...options)

  /** An enhanced packet block of interface `index`, at a number of units after 1970. */
  packet = (index: number, units: bigint, frame: number[], ...options: number[][]) =>
    this.block(6, this.u32(index), this.#frame(units, frame), ...options)

  oldPacket = (
    index: number,
    drops: number,
    units: bigint,
    frame: number[],
    ...options: number[][]
  ) => this.block(2, this.u16(index), this.u16(drops), this.#frame(units, frame), ...options)

  simplePacket = (originalLength: number, frame: number[]) =>
    this.block(3, this.u32(originalLength), pad(frame))

  #frame(units: bigint, frame: number[]): number[] {
    const time = [this.u32(Number(units >> 32n)), this.u32(Number(units & 0xffff_ffffn))].flat()
    return [...time, ...this.u32(frame.length), ...this.u32(frame.length + 100), ...pad(frame)]
  }

  pcap = (magic: number, linkType: number) =>
    [
      this.u32(magic),
      this.u16(2),
      this.u16(4),
      this.u64(0n),
      this.u32(65_535),
      this.u32(linkType),
    ].flat()

  pcapPacket = (seconds: number, fraction: number, frame: number[]) =>
    [
      this.u32(seconds),
      this.u32(fraction),
      this.u32(frame.length),
      this.u32(frame.length + 100),
      frame,
    ].flat()
}

const pad = (bytes: number[]): number[] => [
  ...bytes,
  ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
]

export const LITTLE = new Order(true)
export const BIG = new Order(false)
export const text = (value: string): number[] => [...Buffer.from(value)]

/** A copy of a record that lasts, without the fields that are undefined and empty. */
export function plain(record: CaptureRecord): Record<string, unknown> {
  const { frame, comments, drop } = record
  const { bytes: _, at: __, ...rest } = { ...record, drop }
  const defined = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  )
  return {
    ...defined,
    frame: [...frame],
    ...(comments.length > 0 ? { comments: [...comments] } : {}),
  }
}

/** Reads a file in chunks of `size` bytes; returns its packets, and the error's message if any. */
export function readAll(file: ArrayLike<number>, size = file.length || 1) {
  const bytes = Uint8Array.from(file)
  const reader = new CaptureReader('FILE')
  const packets: Record<string, unknown>[] = []
  const drain = () => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      packets.push(plain(record))
    }
  }
  try {
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size))
      drain()
    }
    reader.end()
    drain()
    return { packets }
  } catch (error) {
    return { packets, error: (error as Error).message }
  }
}

/** Pushes bytes, and returns everything that is written of them. */
export function take(
  source: PcapngSource,
  bytes: number[],
  room = Number.POSITIVE_INFINITY,
): number[] {
  const written: number[] = []
  source.push(Uint8Array.from(bytes))
  for (let span = source.take(room, false); span !== undefined; span = source.take(room, false)) {
    for (const byte of span) {
      written.push(byte)
    }
  }
  return written
}
