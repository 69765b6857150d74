/** struct ifmap in a struct ifreq (include/uapi/linux/if.h), as 64-bit machines have it. */
import type { Ifmap } from './ops.ts'
import { IFR_IFRU } from './sockios.ts'

/** Octets of the structure, the spare ones not counted. */
const IFMAP_OCTETS = 21

export function readIfmap(ifr: Uint8Array): Ifmap {
  const view = viewOf(ifr)
  return {
    memStart: Number(view.getBigUint64(0, true)),
    memEnd: Number(view.getBigUint64(8, true)),
    baseAddr: view.getUint16(16, true),
    irq: view.getUint8(18),
    dma: view.getUint8(19),
    port: view.getUint8(20),
  }
}

export function writeIfmap(ifr: Uint8Array, { memStart, memEnd, baseAddr, irq, dma, port }: Ifmap): void {
  const view = viewOf(ifr)
  view.setBigUint64(0, BigInt(memStart), true)
  view.setBigUint64(8, BigInt(memEnd), true)
  view.setUint16(16, baseAddr, true)
  view.setUint8(18, irq)
  view.setUint8(19, dma)
  view.setUint8(20, port)
}

function viewOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset + IFR_IFRU, IFMAP_OCTETS)
}
