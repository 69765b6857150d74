/**
 * E1000Card: a model of Intel's 82540EM, after the manual (317453): its registers, its two rings of
 * legacy descriptors, its interrupt line, its PHY and EEPROM. Its driver has only the registers and
 * the memory that it shares with the card.
 *
 * The card works on its rings in `run`. It requests that by `schedule` when a register was written
 * or a frame has arrived, so its surroundings choose how much later than the driver's code it runs.
 *
 * Not modelled: offloads, VLANs, several descriptors for a received frame, delays of interrupts
 * (ITR, RDTR, TIDV), flow control, power management, statistics of bytes, and the CRC itself. A
 * register without an effect keeps its value.
 */
import type { BusMaster, PciFunction } from '../../pci/index.ts'
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_TX_CARRIER,
} from '../../skb/drop-reason.ts'
import { Ring } from '../../skb/ring.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { Eeprom, Phy } from './card-parts.ts'
import * as e1000 from './hw.ts'
import { passesRxFilter } from './rx-address.ts'

/** The surroundings of a card: its interrupt pin, its cable, and time. */
export interface CardConnections {
  /** Asserts the interrupt line, or releases it. */
  interrupt(isAsserted: boolean): void
  /** `run` is to be called. The card requests it again only after it was. */
  schedule(): void
  /** The same, but later: the card waits for memory. */
  scheduleLater(): void
  /** Returns an empty frame for the cable, on the sending device; undefined without memory. */
  alloc(length: number): SkBuff | undefined
  /** Takes over a frame that leaves by the cable. */
  send(skb: SkBuff): void
  /** Takes over a frame that arrived and is dropped. */
  drop(skb: SkBuff, reason: number): void
  /** The card sends a signal into the cable, or no more. */
  signals(isOn: boolean): void
}

/** Registers up to here are kept. */
const REGISTERS_END = 0x6000
const STATISTICS = 0x4000
const STATISTICS_END = 0x4100
/** Frames in the packet buffer: 48 KiB of the longest ones (PBA). */
const PACKET_BUFFER = 32
/** The shortest frame without its CRC, to which the card pads. */
const SHORTEST = 60
/** The longest sum of fragments that the transmitter takes. */
const FRAME_MAX = 0xffff

/** Bits of the status that say why a frame was not sent. */
const TX_TROUBLE = e1000.E1000_TXD_STAT_EC | e1000.E1000_TXD_STAT_LC | e1000.E1000_TXD_STAT_TU

const at = (offset: number): number => offset >> 2

/** The values after a reset, apart from the receive address. */
const INITIAL: readonly (readonly [offset: number, value: number])[] = [
  [
    e1000.E1000_CTRL,
    e1000.E1000_CTRL_SWDPIN2 | e1000.E1000_CTRL_SWDPIN0 | e1000.E1000_CTRL_SPD_1000,
  ],
  [e1000.E1000_STATUS, 0x8008_0780 | e1000.E1000_STATUS_FD],
]

/**
 * One card. Its registers are reached through the PciDev that it is connected to. It owns the
 * frames that have arrived until they are in the driver's memory, or dropped. Nothing is closed: a
 * reset frees everything.
 */
export class E1000Card implements PciFunction {
  /**
   * Faults that are ordered: the next write of TDT is lost; the transmitter hangs until a reset.
   */
  readonly faults = { doorbell: false, hang: false }
  readonly #bus: BusMaster
  readonly #connections: CardConnections
  readonly #regs = new Uint32Array(at(REGISTERS_END))
  readonly #eeprom: Eeprom
  readonly #phy = new Phy()
  /** Frames that have arrived and have no descriptor yet. */
  readonly #packetBuffer = new Ring(PACKET_BUFFER)
  /** The fragments of a frame that is not yet complete. */
  readonly #fragments = new Uint8Array(FRAME_MAX)
  #fragmentsLength = 0
  /** The descriptors that are worked on. A frame that is sent may cause one to arrive. */
  readonly #txDesc = new Uint32Array(e1000.E1000_DESC_SIZE / 4)
  readonly #rxDesc = new Uint32Array(e1000.E1000_DESC_SIZE / 4)
  #hasSignal = false
  #isSending = false
  #isAsserted = false
  #isScheduled = false
  #isRunning = false
  #runsAgain = false

  constructor(mac: Uint8Array, bus: BusMaster, connections: CardConnections) {
    this.#eeprom = new Eeprom(mac)
    this.#bus = bus
    this.#connections = connections
    this.#reset()
  }

  /** The link is up: the driver has set SLU, and the cable brings a signal. */
  get hasLink(): boolean {
    return (this.#regs[at(e1000.E1000_STATUS)] & e1000.E1000_STATUS_LU) !== 0
  }

  /** The card sends a signal: the driver has set SLU. */
  get isSending(): boolean {
    return this.#isSending
  }

  /** Frames that have arrived and wait for a descriptor, and how many there is room for. */
  get packetBuffer(): Pick<Ring, 'length' | 'capacity'> {
    return this.#packetBuffer
  }

  /** The cable brings a signal, or no more. */
  signal(isOn: boolean): void {
    this.#hasSignal = isOn
    this.#updateLink()
  }

  /** The card was pulled out: it does nothing more. */
  remove(): void {
    this.#reset()
  }

  read32(offset: number): number {
    const regs = this.#regs
    if (offset >= REGISTERS_END) return 0
    switch (offset) {
      case e1000.E1000_ICR: {
        const causes = regs[at(offset)]
        regs[at(offset)] = 0
        this.#updateLine()
        return causes
      }
      case e1000.E1000_ICS:
      case e1000.E1000_IMC:
        return 0
    }
    const value = regs[at(offset)]
    if (offset >= STATISTICS && offset < STATISTICS_END) {
      regs[at(offset)] = 0
    }
    return value
  }

  write32(offset: number, value: number): void {
    if (offset >= REGISTERS_END || (offset >= STATISTICS && offset < STATISTICS_END)) return
    const regs = this.#regs
    switch (offset) {
      case e1000.E1000_STATUS:
        return
      case e1000.E1000_CTRL:
        this.#control(value)
        return
      case e1000.E1000_ICR:
        regs[at(e1000.E1000_ICR)] &= ~value
        this.#updateLine()
        return
      case e1000.E1000_ICS:
        this.#raise(value)
        return
      case e1000.E1000_IMS:
        regs[at(e1000.E1000_IMS)] |= value
        this.#updateLine()
        return
      case e1000.E1000_IMC:
        regs[at(e1000.E1000_IMS)] &= ~value
        this.#updateLine()
        return
      case e1000.E1000_EERD:
        regs[at(offset)] = this.#eeprom.read(value)
        return
      case e1000.E1000_MDIC:
        regs[at(offset)] = this.#phy.access(value)
        if ((value & e1000.E1000_MDIC_INT_EN) !== 0) {
          this.#raise(e1000.E1000_ICR_MDAC)
        }
        return
      default:
        this.#writeRing(offset, value)
    }
  }

  /** Registers of the rings; the card looks at its rings when it is turned on or a tail moves. */
  #writeRing(offset: number, value: number): void {
    const regs = this.#regs
    switch (offset) {
      case e1000.E1000_TDBAL:
      case e1000.E1000_RDBAL:
        regs[at(offset)] = value - (value % e1000.E1000_DESC_SIZE)
        return
      case e1000.E1000_TDLEN:
      case e1000.E1000_RDLEN:
        // A multiple of 128 bytes.
        regs[at(offset)] = value & 0xf_ff80
        return
      case e1000.E1000_TDH:
      case e1000.E1000_RDH:
        regs[at(offset)] = value & 0xffff
        return
      case e1000.E1000_TDT:
        if (this.faults.doorbell) {
          this.faults.doorbell = false
          return
        }
        regs[at(offset)] = value & 0xffff
        this.#kickTransmitter()
        return
      case e1000.E1000_RDT:
        regs[at(offset)] = value & 0xffff
        this.#kickReceiver()
        return
      case e1000.E1000_TCTL:
        regs[at(offset)] = value
        this.#kickTransmitter()
        return
      case e1000.E1000_RCTL:
        regs[at(offset)] = value
        this.#kickReceiver()
        return
      default:
        regs[at(offset)] = value
    }
  }

  #control(value: number): void {
    if ((value & e1000.E1000_CTRL_RST) !== 0) {
      this.#reset()
      return
    }
    this.#regs[at(e1000.E1000_CTRL)] = value
    this.#setSending((value & e1000.E1000_CTRL_SLU) !== 0)
    this.#updateLink()
  }

  /** All registers have their first values, and the frames in the card are lost. */
  #reset(): void {
    const regs = this.#regs
    regs.fill(0)
    for (const [offset, value] of INITIAL) {
      regs[at(offset)] = value
    }
    const [low, high] = this.#eeprom.receiveAddress
    regs[at(e1000.E1000_RAL)] = low
    regs[at(e1000.E1000_RAH)] = high
    this.faults.doorbell = false
    this.faults.hang = false
    this.#fragmentsLength = 0
    for (
      let skb = this.#packetBuffer.shift();
      skb !== undefined;
      skb = this.#packetBuffer.shift()
    ) {
      this.#connections.drop(skb, SKB_DROP_REASON_DEV_STOPPED)
    }
    this.#setSending(false)
    this.#phy.setLink(false)
    this.#updateLine()
  }

  #setSending(isOn: boolean): void {
    if (this.#isSending === isOn) return
    this.#isSending = isOn
    this.#connections.signals(isOn)
  }

  #updateLink(): void {
    const isUp = this.#hasSignal && this.#isSending
    if (isUp === this.hasLink) return
    this.#regs[at(e1000.E1000_STATUS)] ^= e1000.E1000_STATUS_LU
    this.#phy.setLink(isUp)
    this.#raise(e1000.E1000_ICR_LSC)
  }

  #raise(causes: number): void {
    this.#regs[at(e1000.E1000_ICR)] |= causes
    this.#updateLine()
  }

  /** The line is asserted while a cause is set that is not masked. */
  #updateLine(): void {
    const regs = this.#regs
    const isAsserted = (regs[at(e1000.E1000_ICR)] & regs[at(e1000.E1000_IMS)]) !== 0
    if (isAsserted === this.#isAsserted) return
    this.#isAsserted = isAsserted
    this.#connections.interrupt(isAsserted)
  }

  #kick(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#connections.schedule()
  }

  #kickTransmitter(): void {
    if (this.#hasToSend) {
      this.#kick()
    }
  }

  get #hasToSend(): boolean {
    const regs = this.#regs
    const isOn = (regs[at(e1000.E1000_TCTL)] & e1000.E1000_TCTL_EN) !== 0
    return isOn && regs[at(e1000.E1000_TDH)] !== regs[at(e1000.E1000_TDT)]
  }

  #kickReceiver(): void {
    if (this.#packetBuffer.length > 0) {
      this.#kick()
    }
  }

  /** Works on both rings. A run that a frame of this one causes follows it. */
  run(): void {
    this.#isScheduled = false
    this.#runsAgain = true
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      while (this.#runsAgain) {
        this.#runsAgain = false
        this.#transmit()
        this.#fillRing()
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** Sends from the head to the tail (chapter 3.4). */
  #transmit(): void {
    const regs = this.#regs
    const length = regs[at(e1000.E1000_TDLEN)]
    if (length === 0 || !this.#hasToSend) return
    let causes = e1000.E1000_ICR_TXQE
    // A tail outside of the ring is never reached: one round.
    for (let left = length / e1000.E1000_DESC_SIZE; left > 0; left--) {
      if (this.faults.hang || regs[at(e1000.E1000_TDH)] === regs[at(e1000.E1000_TDT)]) break
      const reported = this.#sendDescriptor()
      if (reported < 0) {
        this.#isScheduled = true
        this.#connections.scheduleLater()
        break
      }
      causes |= reported
      this.#advance(e1000.E1000_TDH, length)
    }
    if (!this.faults.hang) {
      this.#raise(causes)
    }
  }

  /** Returns the cause that the descriptor reports; -1 without memory for its frame. */
  #sendDescriptor(): number {
    const desc = this.#txDesc
    const address = this.#descriptorAt(e1000.E1000_TDBAL, e1000.E1000_TDH)
    this.#bus.readWords(address, desc.length, desc)
    const buffer = desc[1] * 2 ** 32 + desc[0]
    const lower = desc[2]
    if (!this.#takeFragment(buffer, lower & 0xffff, lower)) return -1
    if ((lower & e1000.E1000_TXD_CMD_RS) === 0) return 0
    desc[3] = (desc[3] & ~TX_TROUBLE) | e1000.E1000_TXD_STAT_DD
    this.#bus.writeWords(address + e1000.DESC_UPPER, 1, desc, 3)
    return e1000.E1000_ICR_TXDW
  }

  /** Reads a buffer, and sends the frame that it completes. Returns false without memory. */
  #takeFragment(address: number, length: number, command: number): boolean {
    const before = this.#fragmentsLength
    const total = Math.min(before + length, FRAME_MAX)
    if ((command & e1000.E1000_TXD_CMD_EOP) === 0) {
      this.#bus.read(address, total - before, this.#fragments, before)
      this.#fragmentsLength = total
      return true
    }
    if (total === 0) return true
    const skb = this.#connections.alloc(total)
    if (skb === undefined) return false
    // The arena itself: a driver's view of a frame is checked.
    const { bytes } = skb.pool
    const start = skb.put(total)
    if (before > 0) {
      bytes.set(this.#fragments.subarray(0, before), start)
    }
    this.#bus.read(address, total - before, bytes, start + before)
    this.#fragmentsLength = 0
    this.#send(skb)
    return true
  }

  #send(skb: SkBuff): void {
    const regs = this.#regs
    if ((regs[at(e1000.E1000_TCTL)] & e1000.E1000_TCTL_PSP) !== 0) {
      skb.padto(SHORTEST)
    }
    if (!this.hasLink) {
      skb.drop(SKB_DROP_REASON_TX_CARRIER)
      return
    }
    regs[at(e1000.E1000_TPT)]++
    if (skb.len >= SHORTEST) {
      regs[at(e1000.E1000_GPTC)]++
    }
    this.#countGroup(skb, e1000.E1000_BPTC, e1000.E1000_MPTC)
    this.#connections.send(skb)
  }

  /** Takes over a frame that arrives by the cable. */
  receive(skb: SkBuff): void {
    const regs = this.#regs
    const control = regs[at(e1000.E1000_RCTL)]
    if (!this.hasLink || (control & e1000.E1000_RCTL_EN) === 0) {
      this.#connections.drop(skb, SKB_DROP_REASON_DEV_READY)
      return
    }
    regs[at(e1000.E1000_TPR)]++
    if (!passesRxFilter(regs, skb.pool.bytes, skb.data)) {
      this.#connections.drop(skb, SKB_DROP_REASON_OTHERHOST)
    } else if (this.#isTooLong(skb.len)) {
      this.#connections.drop(skb, SKB_DROP_REASON_PKT_TOO_BIG)
    } else {
      this.#store(skb)
    }
  }

  /** Counts frames of more than 1522 bytes without LPE. Others are too long for one buffer. */
  #isTooLong(length: number): boolean {
    const regs = this.#regs
    const control = regs[at(e1000.E1000_RCTL)]
    const isOversized = length + e1000.ETH_FCS_LEN > e1000.MAXIMUM_ETHERNET_VLAN_SIZE
    if (isOversized && (control & e1000.E1000_RCTL_LPE) === 0) {
      regs[at(e1000.E1000_ROC)]++
      return true
    }
    const buffer = 2048 >> ((control >> e1000.E1000_RCTL_BSIZE_SHIFT) & 3)
    return length + this.#storedCrc > buffer
  }

  /** Puts a frame into the packet buffer. It is lost only while no descriptor makes room. */
  #store(skb: SkBuff): void {
    if (this.#packetBuffer.length === this.#packetBuffer.capacity) {
      this.#fillRing()
    }
    const hasDescriptor = this.#packetBuffer.length < this.#freeDescriptors
    if (this.#packetBuffer.push(skb)) {
      this.#countReceived(skb, hasDescriptor)
      this.#kick()
      return
    }
    this.#regs[at(e1000.E1000_MPC)]++
    this.#connections.drop(skb, SKB_DROP_REASON_FULL_RING)
    this.#raise(e1000.E1000_ICR_RXO)
  }

  /** A frame is received once it is in the packet buffer (chapter 13.7). */
  #countReceived(skb: SkBuff, hasDescriptor: boolean): void {
    const regs = this.#regs
    regs[at(e1000.E1000_GPRC)]++
    if (!hasDescriptor) {
      regs[at(e1000.E1000_RNBC)]++
    }
    this.#countGroup(skb, e1000.E1000_BPRC, e1000.E1000_MPRC)
  }

  /** Counts a frame to a group by one of two registers. */
  #countGroup(skb: SkBuff, broadcast: number, multicast: number): void {
    const first = skb.pool.bytes[skb.data]
    if ((first & 1) === 0) return
    this.#regs[at(first === 0xff ? broadcast : multicast)]++
  }

  /** Bytes of the CRC that is stored with a frame. */
  get #storedCrc(): number {
    return (this.#regs[at(e1000.E1000_RCTL)] & e1000.E1000_RCTL_SECRC) === 0 ? e1000.ETH_FCS_LEN : 0
  }

  /** Writes frames to the driver's memory while descriptors are left (chapter 3.2). */
  #fillRing(): void {
    const regs = this.#regs
    const length = regs[at(e1000.E1000_RDLEN)]
    let causes = 0
    // A tail outside of the ring is never reached: descriptors are skipped for one round.
    let skips = length / e1000.E1000_DESC_SIZE
    while (
      this.#packetBuffer.length > 0 &&
      (regs[at(e1000.E1000_RCTL)] & e1000.E1000_RCTL_EN) !== 0
    ) {
      if (skips === 0 || regs[at(e1000.E1000_RDH)] === regs[at(e1000.E1000_RDT)]) break
      if (this.#fillDescriptor()) {
        causes = e1000.E1000_ICR_RXT0
      } else {
        skips--
      }
      this.#advance(e1000.E1000_RDH, length)
    }
    if (causes !== 0) {
      this.#raise(causes | (this.#isLowOnDescriptors(length) ? e1000.E1000_ICR_RXDMT0 : 0))
    }
  }

  /** Writes the next frame. Returns false if the descriptor is to be skipped: it has no buffer. */
  #fillDescriptor(): boolean {
    const desc = this.#rxDesc
    const address = this.#descriptorAt(e1000.E1000_RDBAL, e1000.E1000_RDH)
    this.#bus.readWords(address, desc.length, desc)
    if (desc[0] === 0 && desc[1] === 0) {
      desc[3] |= e1000.E1000_RXD_STAT_DD
      this.#bus.writeWords(address + e1000.DESC_UPPER, 1, desc, 3)
      return false
    }
    const skb = this.#packetBuffer.shift() as SkBuff
    skb.padto(SHORTEST)
    const { bytes } = skb.pool
    this.#bus.write(desc[1] * 2 ** 32 + desc[0], skb.len, bytes, skb.data)
    desc[2] = skb.len + this.#storedCrc
    desc[3] = e1000.E1000_RXD_STAT_DD | e1000.E1000_RXD_STAT_EOP | e1000.E1000_RXD_STAT_IXSM
    this.#bus.writeWords(address + e1000.DESC_LOWER, 2, desc, 2)
    skb.free()
    return true
  }

  /** Fewer descriptors are left than a half, a quarter or an eighth of the ring (RDMTS). */
  #isLowOnDescriptors(length: number): boolean {
    const shift = ((this.#regs[at(e1000.E1000_RCTL)] >> e1000.E1000_RCTL_RDMTS_SHIFT) & 3) + 1
    return this.#freeDescriptors * e1000.E1000_DESC_SIZE <= length >> shift
  }

  /** Descriptors between head and tail of the receive ring. */
  get #freeDescriptors(): number {
    const regs = this.#regs
    const ahead = regs[at(e1000.E1000_RDT)] - regs[at(e1000.E1000_RDH)]
    return ahead < 0 ? ahead + regs[at(e1000.E1000_RDLEN)] / e1000.E1000_DESC_SIZE : ahead
  }

  /** Returns the address of the descriptor that a head points to. */
  #descriptorAt(base: number, head: number): number {
    const regs = this.#regs
    return regs[at(base) + 1] * 2 ** 32 + regs[at(base)] + regs[at(head)] * e1000.E1000_DESC_SIZE
  }

  #advance(head: number, length: number): void {
    const next = this.#regs[at(head)] + 1
    this.#regs[at(head)] = next * e1000.E1000_DESC_SIZE >= length ? 0 : next
  }
}
