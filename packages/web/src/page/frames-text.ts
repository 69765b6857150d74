/** The contents of the table of frames, as text. */
import { BlockWalker, ENHANCED_PACKET, Input, SECTION_HEADER } from 'vnet/kit/capture'
import type { FrameRow } from '../feed-types.ts'
import { vnetLine } from './control.tsx'
import { clockText } from './driver-text.ts'

/** Returns `16:03:09.123456`, in local time. */
export function timeText(ms: number): string {
  // From the number, since a Date has no microseconds.
  const micros = Math.floor((((ms % 1000) + 1000) % 1000) * 1000)
  return `${clockText(ms / 1000)}.${`${micros}`.padStart(6, '0')}`
}

/** Returns what became of a frame. */
export const verdict = ({ dropped }: Pick<FrameRow, 'dropped'>): string =>
  dropped === undefined ? 'passed' : `dropped: ${dropped}`

/** The protocols that have a colour in the table, each with the headers that it stands for. */
const PROTOCOLS = { arp: /^ARP/, icmp: /^ICMP/, tcp: /^TCP/, udp: /^UDP/ }

/** Returns the first protocol with a colour in a frame, or `other`. */
export const protocolOf = ({ headers }: Pick<FrameRow, 'headers'>): string =>
  Object.entries(PROTOCOLS).find(([, name]) =>
    headers.some(header => name.test(header.name)),
  )?.[0] ?? 'other'

export const PER_LINE = 16

/** Returns the lines of a hex dump, as of xxd: `00000010: 0800 4500  ..E.`, with a space a byte. */
export function hexDump(digits: string): string[] {
  const bytes = digits.match(/[\da-f]{2}/gi) ?? []
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += PER_LINE) {
    const part = bytes.slice(at, at + PER_LINE)
    const left = part.slice(0, 8).join(' ').padEnd(23)
    const right = part.slice(8).join(' ').padEnd(23)
    lines.push(
      `${at.toString(16).padStart(4, '0')}  ${left}  ${right}  ${part.map(printed).join('')}`,
    )
  }
  return lines
}

/** Returns the column of a line of the dump of one of its bytes. */
export const byteColumn = (i: number): number => 6 + 3 * i + (i < 8 ? 0 : 1)

function printed(byte: string): string {
  const code = Number.parseInt(byte, 16)
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.'
}

/** The most bytes that a page captures: it keeps them in memory. */
export const CAPTURE_MAX = 256 * 1024 * 1024

/** Returns `vnet-sn0-20261121-160309.pcapng`, in local time, from `red/sn0` `vnet-red-sn0-...`. */
export function captureName(label: string, ms: number): string {
  // Swedish times are as in ISO 8601, but local: 2026-11-21 16:03:09.
  const time = new Date(ms).toLocaleString('sv').replaceAll(/[-:]/g, '').replace(' ', '-')
  // A name may be any bytes but / and spaces, and file names are for all systems.
  return `vnet-${label.replaceAll(/[^\w.-]/g, '-')}-${time}.pcapng`
}

/** Returns `vnet capture --filter 'tcp port 80' sn0 FILE`, quoted for a shell. */
export const captureLine = (label: string, filter: string, file: string): string =>
  vnetLine('capture', filter === '' ? [] : ['--filter', filter], [label, file])

/** Counts the frames of a vnet's pcapng stream, and finds the end of its last whole block. */
export class PcapngCounter {
  readonly #walker = new BlockWalker(new Input('capture'))
  /** Frames in whole blocks, also dropped ones. */
  frames = 0
  /** Bytes up to the end of the last whole block. */
  whole = 0
  /** Whether it is not a pcapng stream. Nothing more is counted then. */
  isBroken = false

  add(chunk: Uint8Array): void {
    const walker = this.#walker
    if (this.isBroken) return
    walker.input.push(chunk)
    try {
      for (; walker.peek(); walker.skip()) {
        if (this.whole === 0 && walker.type !== SECTION_HEADER) {
          throw walker.input.broken('not a section header')
        }
        if (walker.type === ENHANCED_PACKET) {
          this.frames++
        }
        this.whole += walker.length
      }
    } catch {
      this.isBroken = true
    }
  }
}
