import { vi } from 'vitest'
import { SharedLibrary } from '#src/linux/ffi.ts'
import { matchKind } from '#src/wire/stages/match.ts'

/**
 * Counts how often texts with one match are read, and filters compiled by libpcap, until it is
 * disposed of.
 */
export function wireReadings() {
  const reads = vi.spyOn(matchKind, 'read')
  const calls = vi.spyOn(SharedLibrary.prototype, 'int')
  return {
    get reads() {
      return reads.mock.calls.length
    },
    get compiled() {
      return calls.mock.calls.filter(([name]) => name === 'pcap_compile').length
    },
    [Symbol.dispose]() {
      reads.mockRestore()
      calls.mockRestore()
    },
  }
}
