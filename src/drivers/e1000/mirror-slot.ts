/**
 * MirrorSlot: a slot with one card and a mirror at the end of its cable. The mirror sends each
 * frame of IPv4 back to its sender, with the addresses of Ethernet and IPv4 swapped, and drops
 * others. For drivers of exercises and tests.
 */
import { ETH_HLEN } from '../../netdev/if.ts'
import { ethTypeTrans, netifRx } from '../../netdev/netif.ts'
import { finish, onesComplementSum } from '../../packet/checksum.ts'
import * as ethernet from '../../packet/ethernet.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import type { PciFunction } from '../../pci/index.ts'
import {
  SKB_DROP_REASON_IP_CSUM,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { triggerFault } from './card-faults.ts'
import * as e1000 from './hw.ts'
import { type Cable, CardSlot, type SlotOptions } from './slot.ts'

/** The address in the EEPROM of QEMU's first card. */
const USUAL_MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56]

export interface MirrorSlotOptions extends SlotOptions {
  /** The address in the EEPROM. */
  readonly mac?: Uint8Array | undefined
  /** The slot itself gives returning frames to the kernel: its driver only transmits. */
  readonly sendsOnly?: boolean
}

/** A cable that brings a signal while its only card sends one. */
class MirrorCable implements Cable {
  #slot: CardSlot | undefined

  join(slot: CardSlot): void {
    this.#slot = slot
  }

  leave(slot: CardSlot): void {
    this.#slot = undefined
    slot.card.signal(false)
  }

  peerOf(): undefined {
    return undefined
  }

  update(): void {
    const slot = this.#slot
    slot?.card.signal(slot.card.isSending && !slot.dev.cut && !slot.isUnplugged)
  }
}

/**
 * A card and its surroundings. Set `dev` when the device exists. The driver finds the card as
 * `pdev`, and its interrupt asserts `dev.priv.irq`.
 */
export class MirrorSlot extends CardSlot implements PciFunction {
  /** How often EERD and MDIC are read in vain before their result is ready. For tests. */
  slowness = 0
  #readsLeft = 0
  readonly #sendsOnly: boolean

  constructor({ mac, sendsOnly = false, ...options }: MirrorSlotOptions) {
    super('00:03.0', mac ?? Uint8Array.from(USUAL_MAC), new MirrorCable(), options)
    this.#sendsOnly = sendsOnly
    this.outgoing = { wire: { push: skb => this.#reflect(skb) } }
    this.pdev.connect(this, this.iommu)
  }

  /**
   * The device was unregistered. Reports what its driver has not released, as a kernel with
   * CONFIG_DMA_API_DEBUG does.
   */
  override leave(): void {
    this.plugIn()
    super.leave()
    this.iommu.released()
  }

  /** Causes a fault, by its name in `e1000Faults`. Returns 0, or an error. */
  trigger(fault: string): number {
    return triggerFault(this, fault)
  }

  /** For the PciDev: reads a register of the card. */
  read32(offset: number): number {
    const value = this.card.read32(offset)
    if (this.#readsLeft === 0) return value
    if (offset === e1000.E1000_EERD) {
      this.#readsLeft--
      return value & ~e1000.E1000_EERD_DONE & 0xffff
    }
    if (offset === e1000.E1000_MDIC) {
      this.#readsLeft--
      return value & ~e1000.E1000_MDIC_READY & 0xffff_0000
    }
    return value
  }

  /** For the PciDev: writes a register of the card. */
  write32(offset: number, value: number): void {
    if (offset === e1000.E1000_EERD || offset === e1000.E1000_MDIC) {
      this.#readsLeft = this.slowness
    }
    this.card.write32(offset, value)
  }

  #reflect(skb: SkBuff): void {
    const { bytes, data } = skb
    const reason = reasonToDrop(skb)
    if (reason !== 0) {
      this.drop(skb, reason)
      return
    }
    ipv4.swapAddresses(bytes, data + ETH_HLEN)
    ethernet.swapAddresses(bytes, data)
    if (!this.#sendsOnly) {
      this.card.receive(skb)
      return
    }
    ethTypeTrans(skb, this.dev)
    netifRx(skb)
  }
}

/** Returns 0 for a frame of IPv4, or the reason for which the mirror drops it. */
function reasonToDrop({ bytes, data, len }: SkBuff): number {
  if (ethernet.etherType(bytes, data) !== ethernet.ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  const at = data + ETH_HLEN
  const header = ipv4.parse(bytes, at, len - ETH_HLEN)
  if (header < 0) return SKB_DROP_REASON_IP_INHDR
  return finish(onesComplementSum(bytes, at, header)) === 0 ? 0 : SKB_DROP_REASON_IP_CSUM
}
