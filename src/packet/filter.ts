/** Filters of frames: a text in the language of pcap-filter(7), and its decision for a frame. */
import type { BpfProgram } from './bpf.ts'

/** Returns whether the filter matches the Ethernet frame of `length` bytes at `at`. */
export interface PacketFilter {
  (bytes: Uint8Array, at: number, length: number): boolean
  readonly text: string
}

export interface CompiledFilter extends PacketFilter {
  readonly program: BpfProgram
}

/** Returns a filter that matches the frames for which `program` does not return 0. */
export function packetFilter(text: string, program: BpfProgram): CompiledFilter {
  const matches = (bytes: Uint8Array, at: number, length: number) => program.run(bytes, at, length) !== 0
  return Object.assign(matches, { text, program })
}
