/**
 * The model of the card and QEMU's card side by side: two cards each, which a cable joins, and the
 * same bytes at the same addresses of memory. A test does the same to both and compares.
 */
import { readSync, writeSync } from 'node:fs'
import { type CardConnections, E1000Card } from '#src/drivers/e1000/card.ts'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import { type BusMaster, PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from '#src/pci/index.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { MACS } from './pair.ts'
import { QemuSlot } from './qemu-slot.ts'
import type { QtestMachine } from './qtest.ts'

/** The memory that both sides have from MEMORY_AT on: as much for each card. */
export const MEMORY_AT = 2 << 20
export const CARD_MEMORY = 68 << 10
export const MEMORY_SIZE = 2 * CARD_MEMORY

/** The longest wait of the PHY, ms. */
const AUTONEG_TIME = 500
const PHY_RESTART_AUTONEG = 0x1340

/** Which of the two cards of a side. */
export type Card = 0 | 1

/** Returns the value of MDIC that reads a register of the PHY, or with data writes it. */
export function mdic(register: number, data?: number): number {
  const phy = e1000.E1000_PHY_ADDRESS << e1000.E1000_MDIC_PHY_SHIFT
  const op = data === undefined ? e1000.E1000_MDIC_OP_READ : e1000.E1000_MDIC_OP_WRITE
  return op | phy | (register << e1000.E1000_MDIC_REG_SHIFT) | (data ?? 0)
}

/** One side of the comparison. */
export interface Side {
  readonly name: 'model' | 'qemu'
  read(card: Card, register: number): number
  write(card: Card, register: number, value: number): void
  isAsserted(card: Card): boolean
  /** Returns the memory: a view, or bytes that the next call replaces. */
  memory(): Uint8Array
  writeMemory(address: number, bytes: Uint8Array): void
}

/** Memory without an IOMMU. */
class PlainMemory implements BusMaster {
  readonly bytes = new Uint8Array(MEMORY_SIZE)
  readonly #view = new DataView(this.bytes.buffer)

  readWords(address: number, count: number, into: Uint32Array): void {
    for (let i = 0; i < count; i++) {
      into[i] = this.#view.getUint32(address - MEMORY_AT + 4 * i, true)
    }
  }

  writeWords(address: number, count: number, from: Uint32Array, first: number): void {
    for (let i = 0; i < count; i++) {
      this.#view.setUint32(address - MEMORY_AT + 4 * i, from[first + i] as number, true)
    }
  }

  read(address: number, length: number, into: Uint8Array, to: number): void {
    const at = address - MEMORY_AT
    into.set(this.bytes.subarray(at, at + length), to)
  }

  write(address: number, length: number, from: Uint8Array, at: number): void {
    this.bytes.set(from.subarray(at, at + length), address - MEMORY_AT)
  }
}

/** The surroundings of one card of the model. */
class Socket implements CardConnections {
  isAsserted = false
  isDue = false
  peer!: E1000Card
  readonly #pool: SkBuffPool

  constructor(pool: SkBuffPool) {
    this.#pool = pool
  }

  interrupt(isAsserted: boolean): void {
    this.isAsserted = isAsserted
  }

  schedule(): void {
    this.isDue = true
  }

  scheduleLater(): void {
    throw new Error('the pool of the test has no frame left')
  }

  alloc(length: number): SkBuff | undefined {
    return this.#pool.alloc(length)
  }

  send(skb: SkBuff): void {
    this.peer.receive(skb)
  }

  drop(skb: SkBuff): void {
    skb.free()
  }

  signals(): void {}
}

/** The model. It has done all that is due when a method returns. */
export class ModelSide implements Side {
  readonly name = 'model'
  readonly cards: readonly [E1000Card, E1000Card]
  readonly #sockets: readonly [Socket, Socket]
  readonly #memory = new PlainMemory()

  constructor() {
    const pool = new SkBuffPool({ large: 1, small: 256 })
    this.#sockets = [new Socket(pool), new Socket(pool)]
    const [a, b] = MACS.map(
      (mac, i) => new E1000Card(octetsOf(mac), this.#memory, this.#sockets[i as Card]),
    ) as [E1000Card, E1000Card]
    this.#sockets[0].peer = b
    this.#sockets[1].peer = a
    this.cards = [a, b]
    for (const card of this.cards) {
      card.signal(true)
    }
  }

  read(card: Card, register: number): number {
    return this.cards[card].read32(register)
  }

  write(card: Card, register: number, value: number): void {
    this.cards[card].write32(register, value)
    this.#run()
  }

  isAsserted(card: Card): boolean {
    return this.#sockets[card].isAsserted
  }

  memory(): Uint8Array {
    return this.#memory.bytes
  }

  writeMemory(address: number, bytes: Uint8Array): void {
    this.#memory.bytes.set(bytes, address - MEMORY_AT)
  }

  /** Frames that wait in a card for a descriptor. */
  waiting(card: Card): number {
    return this.cards[card].packetBuffer.length
  }

  #run(): void {
    for (let i = 0; this.#sockets.some(({ isDue }) => isDue); i = 1 - i) {
      const socket = this.#sockets[i as Card]
      if (socket.isDue) {
        socket.isDue = false
        this.cards[i as Card].run()
      }
    }
  }
}

const octetsOf = (mac: string): Uint8Array =>
  Uint8Array.from(mac.split(':'), octet => Number.parseInt(octet, 16))

/** QEMU's cards. Their PHYs have negotiated, as the model's have. */
export class QemuSide implements Side {
  readonly name = 'qemu'
  readonly #slots: readonly [QemuSlot, QemuSlot]
  readonly #machine: QtestMachine
  readonly #bytes = new Uint8Array(MEMORY_SIZE)

  constructor(machine: QtestMachine) {
    this.#machine = machine
    const none = { err: () => {} }
    this.#slots = [0, 1].map(i => new QemuSlot(machine, i, none, () => {})) as [QemuSlot, QemuSlot]
    for (const slot of this.#slots) {
      slot.command(PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY)
    }
  }

  /** Lets the PHY of a card negotiate again, which lasts half a second. */
  negotiate(card: Card): void {
    this.#machine.pass(AUTONEG_TIME, () =>
      this.write(card, e1000.E1000_MDIC, mdic(e1000.PHY_CTRL, PHY_RESTART_AUTONEG)),
    )
  }

  read(card: Card, register: number): number {
    return this.#slots[card].read32(register)
  }

  write(card: Card, register: number, value: number): void {
    this.#slots[card].write32(register, value)
  }

  isAsserted(card: Card): boolean {
    return this.#slots[card].isAsserted
  }

  memory(): Uint8Array {
    readSync(this.#machine.memory, this.#bytes, 0, MEMORY_SIZE, MEMORY_AT)
    return this.#bytes
  }

  writeMemory(address: number, bytes: Uint8Array): void {
    writeSync(this.#machine.memory, bytes, 0, bytes.length, address)
  }
}

/** Both sides, with links that are up, and no cause left of that. */
export interface Twin {
  readonly model: ModelSide
  readonly qemu: QemuSide
  readonly sides: readonly [ModelSide, QemuSide]
}

export function makeTwin(machine: QtestMachine): Twin {
  const [model, qemu] = [new ModelSide(), new QemuSide(machine)]
  for (const card of [0, 1] as const) {
    qemu.negotiate(card)
    for (const side of [model, qemu]) {
      side.write(card, e1000.E1000_IMC, 0xffff_ffff)
      side.write(card, e1000.E1000_CTRL, e1000.E1000_CTRL_SLU | e1000.E1000_CTRL_FD)
      side.write(card, e1000.E1000_MDIC, mdic(e1000.PHY_STATUS))
      side.read(card, e1000.E1000_ICR)
    }
  }
  return { model, qemu, sides: [model, qemu] }
}
