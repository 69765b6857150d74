/** A capture: its name, the command line that makes the same one, and its frames. */
import { BlockWalker } from 'vnet/internal/capture/block-walker'
import { Input } from 'vnet/internal/capture/input'
import { ENHANCED_PACKET, SECTION_HEADER } from 'vnet/internal/capture/pcapng'
import { vnetLine } from './command-line.ts'

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
export function captureLine(label: string, filter: string, file: string): string {
  return vnetLine('capture', filter === '' ? [] : ['--filter', filter], [label, file])
}

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
        if (this.whole === 0 && walker.type !== SECTION_HEADER) throw walker.input.broken('not a section header')
        if (walker.type === ENHANCED_PACKET) this.frames++
        this.whole += walker.length
      }
    } catch {
      this.isBroken = true
    }
  }
}
