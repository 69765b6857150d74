/**
 * The machine around cards of 8254x: their slots, which connect each card to its device and to
 * time, and the cable between the two of `vnet e1000`.
 */
import { type Alarm, NSEC_PER_MSEC } from '../../base/clock.ts'
import type { Irq } from '../../netdev/irq.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { netifRxDrop } from '../../netdev/netif.ts'
import type { Part } from '../../netdev/parts.ts'
import { Iommu, PciDev, WeakCpu } from '../../pci/index.ts'
import { devAllocSkb } from '../../skb/alloc-skb.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { DirectedWire, WireEnd } from '../../wire/directed-wire.ts'
import { type CardConnections, E1000Card } from './card.ts'

/** How long a card without memory waits, and how long the cable is out, ms. */
const MEMORY_WAIT = 1
const UNPLUG_TIME = 1000

/** The lag of a card that works on its rings inside the driver's code. */
export const AT_ONCE = -1

/** The choices for a slot: the lag of its card in ms, and a CPU that reorders. */
export interface SlotOptions {
  readonly lag: number
  readonly weak: boolean
}

/** The part of `dev.priv` that a slot uses: the interrupt that its card asserts. */
export interface CardPriv {
  irq: Irq
}

/** The cable of a card, which gives it a signal. */
export interface Cable {
  join(slot: CardSlot): void
  /** The device of the slot was unregistered. */
  leave(slot: CardSlot): void
  /** Returns the slot at the other end; undefined without one. */
  peerOf(slot: CardSlot): CardSlot | undefined
  /** Sets the signal of the cards: a card or an end has changed. */
  update(): void
}

/**
 * The cable between two cards. Each has a signal while the other sends one and no end is cut or
 * unplugged. A device that is unregistered leaves it.
 */
export class CardCable implements Cable {
  readonly #slots = new Set<CardSlot>()

  join(slot: CardSlot): void {
    this.#slots.add(slot)
  }

  leave(slot: CardSlot): void {
    this.#slots.delete(slot)
    slot.card.signal(false)
    this.update()
  }

  peerOf(slot: CardSlot): CardSlot | undefined {
    return this.#slots.has(slot) ? [...this.#slots].find(each => each !== slot) : undefined
  }

  update(): void {
    const isWhole = ![...this.#slots].some(({ dev, isUnplugged }) => dev.cut || isUnplugged)
    for (const slot of this.#slots) {
      slot.card.signal(isWhole && this.peerOf(slot)?.card.isSending === true)
    }
  }
}

/**
 * A slot with its card. The Net runs the card's work like an interrupt: after the driver's code has
 * returned. The slot lives as long as its device and is not closed; after ndoStop of the driver it
 * has no timer that does anything.
 */
export class CardSlot implements CardConnections {
  readonly pdev: PciDev
  readonly iommu: Iommu
  readonly card: E1000Card
  /** The device of the driver; set when it is allocated. */
  dev!: NetDevice<CardPriv>
  /** The wires in both directions, and the one by which frames leave; set when both exist. */
  wires: readonly DirectedWire[] = []
  outgoing!: Pick<DirectedWire, 'wire'>
  isUnplugged = false
  /** For a Net, which runs `handle`: its name, and that no driver wrote it. */
  readonly what = 'card'
  readonly code = true
  readonly #cable: Cable
  readonly #lag: number
  #work: Alarm | undefined
  #replug: Alarm | undefined

  constructor(name: string, mac: Uint8Array, cable: Cable, { lag, weak }: SlotOptions) {
    this.#cable = cable
    this.#lag = lag
    const log = { err: (kind: string, line: string) => this.dev.limitedLog.err(kind, line) }
    this.pdev = new PciDev(name, log, weak ? new WeakCpu() : undefined)
    this.iommu = new Iommu(this.pdev)
    this.card = new E1000Card(mac, this.iommu, this)
    this.pdev.connect(this.card, this.iommu)
    cable.join(this)
  }

  /** For the Net: the card works on its rings. */
  handle(): void {
    this.card.run()
  }

  interrupt(isAsserted: boolean): void {
    this.dev.priv.irq.level(isAsserted)
  }

  schedule(): void {
    if (this.#lag === AT_ONCE) {
      this.card.run()
    } else if (this.#lag === 0) {
      this.dev.net.raiseIrq(this)
    } else {
      this.#runIn(this.#lag)
    }
  }

  scheduleLater(): void {
    this.#runIn(Math.max(this.#lag, MEMORY_WAIT))
  }

  #runIn(ms: number): void {
    const { clock } = this.dev.net
    this.#work ??= clock.alarm(() => this.card.run())
    this.#work.at(clock.now() + ms * NSEC_PER_MSEC)
  }

  alloc(length: number): SkBuff | undefined {
    return devAllocSkb(this.dev, length)
  }

  send(skb: SkBuff): void {
    this.outgoing.wire.push(skb)
  }

  drop(skb: SkBuff, reason: number): void {
    netifRxDrop(skb, this.dev, reason)
  }

  signals(): void {
    this.#cable.update()
  }

  /** The cable was cut or plugged in, which the device says. */
  cableChanged(): void {
    this.#cable.update()
  }

  /** Takes the cable out of the card for a second. */
  unplug(): void {
    const { clock } = this.dev.net
    this.#replug ??= clock.alarm(() => this.plugIn())
    this.#replug.at(clock.now() + UNPLUG_TIME * NSEC_PER_MSEC)
    this.isUnplugged = true
    this.#cable.update()
  }

  plugIn(): void {
    this.#replug?.cancel()
    this.isUnplugged = false
    this.#cable.update()
  }

  /** Pulls the card out of the slot, for good: a surprise removal. */
  remove(): void {
    this.pdev.isDisconnected = true
    this.card.remove()
  }

  /** The device was unregistered. */
  leave(): void {
    this.#cable.leave(this)
  }

  /** The device at the other end of the cable; undefined once one was unregistered. */
  get peer(): NetDevice | undefined {
    return this.#cable.peerOf(this)?.dev
  }

  /** The end of the wire at this card. */
  get end(): WireEnd {
    const { card, dev } = this
    return { dev, wire: { push: skb => card.receive(skb) } }
  }

  /** The frames in the card, for monitors. */
  get part(): Part {
    const { length, capacity } = this.card.packetBuffer
    return { kind: 'buffers', name: 'packet buffer', direction: 'rx', length, capacity }
  }
}
