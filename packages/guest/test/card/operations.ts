/**
 * Random operations of a driver, on both sides of a Twin: registers, descriptors and frames in both
 * directions. They keep off the differences of docs/records/e1000.json, each of which rows.test.ts
 * shows, and off what the manual forbids, such as a tail outside of the ring.
 */
import { type Random, random } from '#src/base/random.ts'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import { mcHash } from '#src/drivers/e1000/rx-address.ts'
import { CARD_MEMORY, type Card, MEMORY_AT, mdic, type Twin } from './twin.ts'

/** In the memory of a card: two places for each ring, and buffers of 2 KiB. */
const RINGS = { tx: [0x000, 0x400], rx: [0x800, 0xc00] } as const
const BUFFERS = { tx: 0x1000, rx: 0x9000 } as const
const BUFFER = 0x800
const FRAME_MIN = 14
const FRAME_MAX = 1514

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
const GROUPS = [
  [1, 0, 0x5e, 0, 0, 0xfb],
  [1, 0, 0x5e, 1, 2, 3],
]
const OTHER = [2, 9, 9, 9, 9, 9]
const MAC = [0x52, 0x54, 0, 0x12, 0x34]

/** Registers of a PHY that both sides have, and registers that are written, too. */
const PHY_READ = [0, 1, 2, 3, 4, 5, 6, 9, 10, 16, 17, 20, 21]
const PHY_WRITTEN = [0, 4, 9, 16, 20]
/** Bits of PHY_CTRL without loopback, reset and a new negotiation. */
const PHY_CTRL_WRITTEN = 0x3dff
/** Words of the EEPROM that both sides have, and words past its end. */
const EEPROM_READ = [0, 1, 2, 0x0d, 0x0e, 0x40, 0xff]
/** Bits of CTRL that have no effect here: speed and duplex, and the pins. */
const CTRL_WRITTEN = 0x03fc_1b21
/** Bits of TCTL: all but the reserved one. */
const TCTL_WRITTEN = 0x03ff_fff8
const TXD_CMD_IDE = 0x8000_0000

interface Ring {
  count: number
  base: number
  tail: number
}

interface State {
  readonly tx: Ring
  readonly rx: Ring
  /** Bytes of a frame without its last descriptor. */
  partial: number
  tctl: number
  rctl: number
  /** QEMU may hold frames for the card, which it filters when there are descriptors. */
  mayHold: boolean
}

/** Registers that are read and compared. */
const READ: readonly number[] = [
  ...[e1000.E1000_CTRL, e1000.E1000_STATUS, e1000.E1000_EERD, e1000.E1000_MDIC],
  ...[e1000.E1000_ICR, e1000.E1000_ICR, e1000.E1000_IMS, e1000.E1000_IMC],
  ...[e1000.E1000_RCTL, e1000.E1000_RDLEN, e1000.E1000_RDH, e1000.E1000_RDT, e1000.E1000_RDBAH],
  ...[e1000.E1000_TCTL, e1000.E1000_TDLEN, e1000.E1000_TDH, e1000.E1000_TDT, e1000.E1000_TDBAH],
  ...[e1000.E1000_TPT, e1000.E1000_BPTC, e1000.E1000_MPTC, e1000.E1000_ROC],
]
/** The same while no frame waits: QEMU counts a frame when it is in memory. */
const READ_EMPTY: readonly number[] = [e1000.E1000_GPRC]
/** The same while no exact address is a group's. */
const READ_WITHOUT_GROUPS: readonly number[] = [e1000.E1000_BPRC, e1000.E1000_MPRC]

/** One difference: what, and after which operation. */
export interface Difference {
  readonly what: string
  readonly model: string
  readonly qemu: string
  readonly after: string
}

/** Operations, each as often as it is here. A method of the name carries it out, on one card. */
const OPERATIONS = [
  ...new Array<'send'>(12).fill('send'),
  ...new Array<'fill'>(8).fill('fill'),
  ...new Array<'causes'>(8).fill('causes'),
  ...new Array<'phy'>(3).fill('phy'),
  ...new Array<'transmitControl'>(2).fill('transmitControl'),
  ...new Array<'receiveControl'>(2).fill('receiveControl'),
  ...(['eeprom', 'control', 'receiveAddress', 'multicastTable'] as const),
  ...(['newTxRing', 'newRxRing'] as const),
]

/** Operations and comparisons by a seed. */
export class Operator {
  readonly differences: Difference[] = []
  /** Operations so far, and frames that were given to the cards. */
  operations = 0
  frames = 0
  readonly #twin: Twin
  readonly #random: Random
  readonly #states: readonly [State, State]
  /** Whether exact addresses may be of groups, which QEMU does not count. */
  readonly #hasGroups: boolean
  #text = ''

  constructor(twin: Twin, seed: number) {
    this.#twin = twin
    this.#random = random(seed)
    this.#hasGroups = seed % 2 === 0
    this.#states = [this.#newState(), this.#newState()]
    for (const card of [0, 1] as const) {
      this.#moveTx(card)
      this.#moveRx(card)
      this.#setTctl(card, e1000.E1000_TCTL_EN | e1000.E1000_TCTL_PSP)
    }
  }

  #newState(): State {
    const ring = () => ({ count: 16, base: 0, tail: 0 })
    const rctl = e1000.E1000_RCTL_EN | e1000.E1000_RCTL_BAM
    return { tx: ring(), rx: ring(), partial: 0, tctl: 0, rctl, mayHold: false }
  }

  /** Carries out one operation, and compares. */
  step(): void {
    const card = this.#below(2) as Card
    const operation = this.#oneOf(OPERATIONS)
    this.#text = `${this.operations}: card ${card} ${operation}: ${this[operation](card)}`
    this.operations++
    this.#compareRegister(this.#below(2) as Card)
    this.#compareLines()
    this.#compareMemory()
  }

  // Registers. An operation returns what it has done.

  causes(card: Card): string {
    const registers = [e1000.E1000_IMS, e1000.E1000_IMC, e1000.E1000_ICS, e1000.E1000_ICR]
    const register = registers[this.#below(registers.length)] as number
    const value = this.#below(4) === 0 ? this.#word() : this.#below(256)
    return this.#write(card, register, value)
  }

  control(card: Card): string {
    const value = (this.#word() & CTRL_WRITTEN) | e1000.E1000_CTRL_SLU
    return this.#write(card, e1000.E1000_CTRL, value)
  }

  phy(card: Card): string {
    const isWrite = this.#below(3) === 0
    const register = this.#oneOf(isWrite ? PHY_WRITTEN : PHY_READ)
    const mask = register === e1000.PHY_CTRL ? PHY_CTRL_WRITTEN : 0xffff
    const access = mdic(register, isWrite ? this.#below(0x1_0000) & mask : undefined)
    const interrupt = this.#below(2) === 0 ? e1000.E1000_MDIC_INT_EN : 0
    return this.#write(card, e1000.E1000_MDIC, access | interrupt)
  }

  eeprom(card: Card): string {
    const start = this.#below(4) === 0 ? 0 : e1000.E1000_EERD_START
    const word = this.#oneOf(EEPROM_READ) << e1000.E1000_EERD_ADDR_SHIFT
    return this.#write(card, e1000.E1000_EERD, word | start)
  }

  transmitControl(card: Card): string {
    const { tctl } = this.#states[card]
    if (this.#below(3) === 0) return this.#setTctl(card, tctl & ~e1000.E1000_TCTL_EN)
    if (!this.#canSend(card, this.#outstanding(card))) return 'nothing'
    const value = (this.#word() & TCTL_WRITTEN) | e1000.E1000_TCTL_EN
    return this.#setTctl(card, value)
  }

  receiveControl(card: Card): string {
    if (!this.#isQuiet(card)) return this.#drain(card)
    const flags = [e1000.E1000_RCTL_UPE, e1000.E1000_RCTL_MPE, e1000.E1000_RCTL_LPE]
    const more = [e1000.E1000_RCTL_BAM, e1000.E1000_RCTL_SECRC, 1 << e1000.E1000_RCTL_BSIZE_SHIFT]
    const fields = (this.#below(3) << e1000.E1000_RCTL_RDMTS_SHIFT) | (this.#below(4) << 12)
    const some = [...flags, ...more].filter(() => this.#below(2) === 0)
    const state = this.#states[card]
    state.rctl = some.reduce((sum, bit) => sum | bit, fields | e1000.E1000_RCTL_EN)
    return this.#write(card, e1000.E1000_RCTL, state.rctl)
  }

  receiveAddress(card: Card): string {
    if (!this.#isQuiet(card)) return this.#drain(card)
    const at = e1000.E1000_RAL + 8 * this.#below(e1000.E1000_RAR_ENTRIES)
    const addresses = this.#hasGroups ? [OTHER, ...GROUPS, BROADCAST] : [OTHER]
    const octets = Buffer.from(this.#oneOf([[...MAC, card + 1], ...addresses]))
    this.#write(card, at, octets.readUInt32LE(0))
    const valid = this.#below(2) === 0 ? e1000.E1000_RAH_AV : 0
    return this.#write(card, at + 4, octets.readUInt16LE(4) | valid)
  }

  multicastTable(card: Card): string {
    if (!this.#isQuiet(card)) return this.#drain(card)
    const hash = mcHash(Uint8Array.from(this.#oneOf(GROUPS)), 0, this.#below(4))
    const bits = this.#below(2) === 0 ? 0 : 1 << (hash & 31)
    return this.#write(card, e1000.E1000_MTA + 4 * (hash >> 5), bits)
  }

  // Rings.

  newTxRing(card: Card): string {
    if (this.#outstanding(card) > 0) return this.#drain((1 - card) as Card)
    return this.#moveTx(card)
  }

  newRxRing(card: Card): string {
    if (!this.#isQuiet(card)) return this.#drain(card)
    return this.#moveRx(card)
  }

  #moveTx(card: Card): string {
    const { tx } = this.#states[card]
    this.#setTctl(card, 0)
    this.#place(card, tx, RINGS.tx, e1000.E1000_TDBAL)
    return `transmit ring of ${tx.count} at ${tx.base.toString(16)}`
  }

  #moveRx(card: Card): string {
    const { rx, rctl } = this.#states[card]
    this.#write(card, e1000.E1000_RCTL, rctl & ~e1000.E1000_RCTL_EN)
    this.#place(card, rx, RINGS.rx, e1000.E1000_RDBAL)
    this.#write(card, e1000.E1000_RCTL, rctl)
    return `receive ring of ${rx.count} at ${rx.base.toString(16)}`
  }

  /** Gives a ring another place and size. The low bits of both registers have no effect. */
  #place(card: Card, ring: Ring, places: readonly number[], base: number): void {
    ring.count = this.#below(2) === 0 ? 8 : 16
    ring.base = memoryOf(card) + this.#oneOf(places)
    ring.tail = 0
    const after = (register: number) => base + register - e1000.E1000_TDBAL
    this.#write(card, base, ring.base + this.#below(e1000.E1000_DESC_SIZE))
    this.#write(card, after(e1000.E1000_TDBAH), 0)
    const length = ring.count * e1000.E1000_DESC_SIZE
    this.#write(card, after(e1000.E1000_TDLEN), length | this.#below(128))
    this.#write(card, after(e1000.E1000_TDH), 0)
    this.#write(card, after(e1000.E1000_TDT), 0)
  }

  #setTctl(card: Card, value: number): string {
    this.#states[card].tctl = value
    const text = this.#write(card, e1000.E1000_TCTL, value)
    // QEMU sets it at each write of TCTL.
    if ((value & e1000.E1000_TCTL_EN) !== 0) {
      this.#write(card, e1000.E1000_ICR, e1000.E1000_ICR_TXQE)
    }
    this.#noteSent(card)
    return text
  }

  // Frames.

  send(card: Card): string {
    const { tx, tctl } = this.#states[card]
    const room = tx.count - 1 - this.#outstanding(card)
    const count = Math.min(1 + this.#below(3), room)
    if (count === 0 || !this.#canSend(card, this.#outstanding(card) + count)) {
      return this.#drain((1 - card) as Card)
    }
    const sent: string[] = []
    for (let n = 0; n < count; n++) {
      sent.push(this.#putDescriptor(card))
    }
    const isOn = (tctl & e1000.E1000_TCTL_EN) !== 0
    this.#write(card, e1000.E1000_TDT, tx.tail)
    this.#noteSent(card)
    return `sends ${sent.join(', ')}${isOn ? '' : ', while it is off'}`
  }

  fill(card: Card): string {
    return this.#fill(card, 1 + this.#below(8))
  }

  #putDescriptor(card: Card): string {
    const state = this.#states[card]
    const { tx, partial } = state
    const most = this.#longest((1 - card) as Card) - partial
    const isLast = most < 2 * FRAME_MIN || this.#below(5) > 0
    const least = partial === 0 ? FRAME_MIN : 1
    const length = least + this.#below((isLast ? most : most >> 1) - least + 1)
    const bytes = new Uint8Array(length).fill(this.#below(256))
    if (partial === 0) {
      bytes.set(this.#address((1 - card) as Card))
      this.frames++
    }
    const i = tx.tail
    const buffer = memoryOf(card) + BUFFERS.tx + i * BUFFER
    this.#store(buffer, bytes)
    const optional = [e1000.E1000_TXD_CMD_IFCS, e1000.E1000_TXD_CMD_RS, TXD_CMD_IDE]
    const command = optional.filter(() => this.#below(3) > 0)
    const last = isLast ? e1000.E1000_TXD_CMD_EOP : 0
    const lower = command.reduce((sum, bit) => sum | bit, length | last)
    this.#storeWords(tx.base + i * e1000.E1000_DESC_SIZE, [buffer, 0, lower, this.#word()])
    tx.tail = (i + 1) % tx.count
    state.partial = isLast ? 0 : partial + length
    return `${length} bytes by 0x${(lower >>> 24).toString(16)}`
  }

  /** Gives the card descriptors, for all frames that wait: QEMU loses the others. */
  #fill(card: Card, wanted: number): string {
    const { rx } = this.#states[card]
    const waiting = this.#twin.model.waiting(card)
    const used = (rx.tail - this.#twin.model.read(card, e1000.E1000_RDH) + rx.count) % rx.count
    const count = Math.min(Math.max(wanted, waiting), rx.count - 1 - used)
    if (count === 0) return 'nothing'
    for (let n = 0; n < count; n++) {
      const i = rx.tail
      // A descriptor without a buffer is skipped. The last has one: QEMU looks past the tail.
      const isNull = waiting === 0 && n < count - 1 && this.#below(8) === 0
      const buffer = isNull ? 0 : memoryOf(card) + BUFFERS.rx + i * BUFFER
      this.#storeWords(rx.base + i * e1000.E1000_DESC_SIZE, [buffer, 0, 0, 0])
      rx.tail = (i + 1) % rx.count
    }
    this.#write(card, e1000.E1000_RDT, rx.tail)
    this.#states[card].mayHold = false
    return `gives ${count} buffers`
  }

  /** Lets all frames to a card arrive, as far as its ring has room. */
  #drain(card: Card): string {
    const from = (1 - card) as Card
    const texts = [this.#fill(card, 16)]
    const { tx, partial, tctl } = this.#states[from]
    if (this.#canSend(from, this.#outstanding(from) + 1)) {
      if (partial > 0 && this.#outstanding(from) < tx.count - 1) {
        texts.push(this.#putDescriptor(from))
        this.#write(from, e1000.E1000_TDT, tx.tail)
        this.#noteSent(from)
      }
      texts.push(this.#setTctl(from, tctl | e1000.E1000_TCTL_EN))
    }
    return texts.join(', ')
  }

  /** Descriptors between head and tail of the transmit ring. */
  #outstanding(card: Card): number {
    const { tx } = this.#states[card]
    return (tx.tail - this.#twin.model.read(card, e1000.E1000_TDH) + tx.count) % tx.count
  }

  /** The ring of the other card has room for that many frames, if it is empty. */
  #canSend(card: Card, frames: number): boolean {
    const peer = (1 - card) as Card
    return this.#twin.model.waiting(peer) + frames < this.#states[peer].rx.count
  }

  /** The card may have sent frames, to a card without descriptors. */
  #noteSent(card: Card): void {
    const peer = (1 - card) as Card
    const { model } = this.#twin
    const isFull = model.read(peer, e1000.E1000_RDH) === model.read(peer, e1000.E1000_RDT)
    this.#states[peer].mayHold ||= isFull
  }

  /** No frame is on its way to the card: its filter may change. */
  #isQuiet(card: Card): boolean {
    if (this.#states[card].mayHold) return false
    const from = (1 - card) as Card
    const isSent = this.#outstanding(from) === 0 && this.#states[from].partial === 0
    return isSent && this.#twin.model.waiting(card) === 0
  }

  /** The longest frame to the card: it fits one buffer, with its CRC. */
  #longest(card: Card): number {
    const shift = (this.#states[card].rctl >> e1000.E1000_RCTL_BSIZE_SHIFT) & 3
    return Math.min(FRAME_MAX, (2048 >> shift) - e1000.ETH_FCS_LEN)
  }

  /** An address for a frame to the card. QEMU takes broadcasts for groups where MPE is set. */
  #address(card: Card): readonly number[] {
    const addresses = [[...MAC, card + 1], [...MAC, card + 1], OTHER, ...GROUPS]
    const hasMpe = (this.#states[card].rctl & e1000.E1000_RCTL_MPE) !== 0
    return this.#oneOf(hasMpe ? addresses : [...addresses, BROADCAST])
  }

  // Both sides.

  #write(card: Card, register: number, value: number): string {
    for (const side of this.#twin.sides) {
      side.write(card, register, value >>> 0)
    }
    return `0x${register.toString(16)} = 0x${(value >>> 0).toString(16)}`
  }

  #store(address: number, bytes: Uint8Array): void {
    for (const side of this.#twin.sides) {
      side.writeMemory(address, bytes)
    }
  }

  #storeWords(address: number, words: readonly number[]): void {
    this.#store(address, new Uint8Array(Uint32Array.from(words).buffer))
  }

  #compareRegister(card: Card): void {
    const tables = [
      e1000.E1000_RAL + 4 * this.#below(2 * e1000.E1000_RAR_ENTRIES),
      e1000.E1000_MTA + 4 * this.#below(e1000.E1000_MC_TBL_SIZE),
    ]
    const isEmpty = this.#twin.model.waiting(card) === 0
    const counted = this.#hasGroups ? READ_EMPTY : [...READ_EMPTY, ...READ_WITHOUT_GROUPS]
    this.#compareRead(card, this.#oneOf([...READ, ...(isEmpty ? counted : []), ...tables]))
  }

  #compareRead(card: Card, register: number): void {
    const [model, qemu] = this.#twin.sides.map(side => side.read(card, register))
    this.#compare(`card ${card} register 0x${register.toString(16)}`, hex(model), hex(qemu))
  }

  #compareLines(): void {
    for (const card of [0, 1] as const) {
      const [model, qemu] = this.#twin.sides.map(side => String(side.isAsserted(card)))
      this.#compare(`card ${card} interrupt line`, model as string, qemu as string)
    }
  }

  #compareMemory(): void {
    const model = this.#twin.model.memory()
    const qemu = this.#twin.qemu.memory()
    if (Buffer.compare(model, qemu) === 0) return
    const at = model.findIndex((byte, i) => byte !== qemu[i])
    const some = (bytes: Uint8Array) => Buffer.from(bytes.subarray(at, at + 16)).toString('hex')
    this.#compare(`memory at 0x${(MEMORY_AT + at).toString(16)}`, some(model), some(qemu))
  }

  #compare(what: string, model: string, qemu: string): void {
    if (model !== qemu) {
      this.differences.push({ what, model, qemu, after: this.#text })
    }
  }

  #below(n: number): number {
    return this.#random.below(n)
  }

  #word(): number {
    return this.#random.below(2 ** 32)
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T
  }
}

const memoryOf = (card: Card): number => MEMORY_AT + card * CARD_MEMORY
const hex = (value: number | undefined): string => `0x${(value ?? 0).toString(16)}`
