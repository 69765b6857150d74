/** The receive filter of the card: which destination addresses it takes (chapter 3.2.1). */
import { ETH_ALEN } from '../../netdev/if.ts'
import { isBroadcastAddress, isMulticastAddress } from '../../packet/ethernet.ts'
import * as e1000 from './hw.ts'

/** By RCTL.MO: how far the last 16 bits of an address are shifted for 12 bits of them. */
const MO_SHIFTS = [4, 3, 2, 0]

/** Returns which of the 4096 bits of the multicast table an address has, with `mo` as RCTL.MO. */
export function mcHash(bytes: Uint8Array, at: number, mo: number): number {
  const last = bytes[at + ETH_ALEN - 2] | (bytes[at + ETH_ALEN - 1] << 8)
  return (last >> (MO_SHIFTS[mo] ?? 0)) & 0xfff
}

/** Returns true if the card with these registers takes a frame to the address at `at`. */
export function passesRxFilter(regs: Uint32Array, bytes: Uint8Array, at: number): boolean {
  const control = regs[e1000.E1000_RCTL >> 2]
  const isGroup = isMulticastAddress(bytes, at)
  if (!isGroup && (control & e1000.E1000_RCTL_UPE) !== 0) return true
  if (isGroup && isBroadcastAddress(bytes, at)) {
    if ((control & e1000.E1000_RCTL_BAM) !== 0) return true
  } else if (isGroup && (control & e1000.E1000_RCTL_MPE) !== 0) {
    return true
  }
  if (isReceiveAddress(regs, bytes, at)) return true
  const hash = mcHash(bytes, at, (control >> e1000.E1000_RCTL_MO_SHIFT) & 3)
  return (regs[(e1000.E1000_MTA >> 2) + (hash >> 5)] & (1 << (hash & 31))) !== 0
}

function isReceiveAddress(regs: Uint32Array, bytes: Uint8Array, at: number): boolean {
  const low =
    (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
  const high = bytes[at + 4] | (bytes[at + 5] << 8)
  const first = e1000.E1000_RAL >> 2
  for (let i = first; i < first + 2 * e1000.E1000_RAR_ENTRIES; i += 2) {
    if (regs[i] === low && (regs[i + 1] & 0xffff) === high && regs[i + 1] >>> 31 === 1) return true
  }
  return false
}
