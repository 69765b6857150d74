/** Each difference of docs/records/e1000.json, shown on the model and on QEMU's card. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import { startPairMachine } from './pair.ts'
import { MEMORY_AT, ModelSide, makeTwin, mdic, QemuSide, type Side } from './twin.ts'

/** Something that QEMU's card does otherwise. */
interface CardDifference {
  readonly id: string
  readonly what: string
}

const RECORD = join(import.meta.dirname, '../../../../docs/records/e1000.json')
const { differences } = JSON.parse(readFileSync(RECORD, 'utf8')) as {
  readonly differences: readonly CardDifference[]
}

const COUNT = 64
const RING_BYTES = COUNT * e1000.E1000_DESC_SIZE
const TX_RING = MEMORY_AT
const RX_RING = TX_RING + RING_BYTES
const TX_BUFFER = RX_RING + RING_BYTES
const RX_BUFFERS = TX_BUFFER + 0x1000
const RX_BUFFER = 0x800
const { E1000_TXD_CMD_EOP: EOP, E1000_TXD_CMD_RS: RS } = e1000
const TXD_CMD_RPS = 0x1000_0000

const OWN = [0x52, 0x54, 0, 0x12, 0x34, 2]
const OTHER = [2, 9, 9, 9, 9, 9]
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]

/** Card 0 sends to card 1 of a side, each with rings of 64 descriptors. */
class Cable {
  readonly side: Side
  #sent = 0
  #given = 0

  constructor(side: Side, rctl = e1000.E1000_RCTL_BAM) {
    this.side = side
    for (const [card, base, ring] of [
      [0, e1000.E1000_TDBAL, TX_RING],
      [1, e1000.E1000_RDBAL, RX_RING],
    ] as const) {
      side.write(card, base, ring)
      side.write(card, base + e1000.E1000_TDLEN - e1000.E1000_TDBAL, RING_BYTES)
    }
    side.write(0, e1000.E1000_TCTL, e1000.E1000_TCTL_EN)
    side.write(1, e1000.E1000_RCTL, rctl | e1000.E1000_RCTL_EN)
    side.read(0, e1000.E1000_ICR)
  }

  /** Sends a frame, and returns the status of its descriptor. */
  send(to: readonly number[], length = 60, command: number = EOP | RS): number {
    const at = TX_RING + this.#sent * e1000.E1000_DESC_SIZE
    const bytes = new Uint8Array(length).fill(7)
    bytes.set(to)
    this.side.writeMemory(TX_BUFFER, bytes)
    this.#words(at, [TX_BUFFER, 0, (length | command) >>> 0, 0])
    this.#sent++
    this.side.write(0, e1000.E1000_TDT, this.#sent)
    return this.#word(at + e1000.DESC_UPPER)
  }

  /** Gives the receiver buffers. */
  fill(count: number, lower = 0, upper = 0): void {
    for (let n = 0; n < count; n++, this.#given++) {
      const buffer = RX_BUFFERS + (this.#given % 8) * RX_BUFFER
      this.#words(RX_RING + this.#given * e1000.E1000_DESC_SIZE, [buffer, 0, lower, upper])
    }
    this.side.write(1, e1000.E1000_RDT, this.#given)
  }

  /** The numbers of received frames, by a register of the receiver. */
  received = (register: number) => this.side.read(1, register)
  get done(): number {
    return this.side.read(1, e1000.E1000_RDH)
  }

  /** A word of receive descriptor 0. */
  descriptor = (offset: number) => this.#word(RX_RING + offset)

  #word(address: number): number {
    const memory = this.side.memory()
    return new DataView(memory.buffer, memory.byteOffset).getUint32(address - MEMORY_AT, true)
  }

  #words(address: number, words: readonly number[]): void {
    this.side.writeMemory(address, new Uint8Array(Uint32Array.from(words).buffer))
  }
}

/** Writes MDIC of card 0, and returns what it then reads. */
function mdicOf(side: Side, value: number): string {
  side.write(0, e1000.E1000_MDIC, value >>> 0)
  return `0x${side.read(0, e1000.E1000_MDIC).toString(16)}`
}

function written(side: Side, register: number, value: number): string {
  side.write(0, register, value)
  return `0x${side.read(0, register).toString(16)}`
}

/** How a row shows: what is done to a side, and the outcome on each. */
interface Shown {
  readonly run: (side: Side) => unknown
  readonly model: unknown
  readonly qemu: unknown
}

const shown: Readonly<Record<string, Shown>> = {
  reset: {
    run(side) {
      side.write(0, e1000.E1000_IMS, 0xff)
      side.write(0, e1000.E1000_CTRL, side.read(0, e1000.E1000_CTRL) | e1000.E1000_CTRL_RST)
      const control = side.read(0, e1000.E1000_CTRL) & e1000.E1000_CTRL_RST
      return [control, side.read(0, e1000.E1000_IMS)]
    },
    model: [0, 0],
    qemu: [0, 0xff],
  },
  link: {
    run(side) {
      side.write(0, e1000.E1000_CTRL, 0)
      side.read(0, e1000.E1000_ICR)
      const before = side.read(0, e1000.E1000_STATUS) & e1000.E1000_STATUS_LU
      side.write(0, e1000.E1000_CTRL, e1000.E1000_CTRL_SLU)
      return [before, side.read(0, e1000.E1000_ICR)]
    },
    model: [0, e1000.E1000_ICR_LSC],
    qemu: [e1000.E1000_STATUS_LU, 0],
  },
  negotiation: {
    run(side) {
      side.read(0, e1000.E1000_ICR)
      if (side instanceof QemuSide) {
        side.negotiate(0)
      } else {
        side.write(0, e1000.E1000_MDIC, mdic(e1000.PHY_CTRL, 0x1340))
      }
      return side.read(0, e1000.E1000_ICR)
    },
    model: 0,
    qemu: e1000.E1000_ICR_LSC,
  },
  latch: {
    run(side) {
      if (side instanceof QemuSide) {
        side.negotiate(0)
      } else if (side instanceof ModelSide) {
        side.cards[0].signal(false)
        side.cards[0].signal(true)
      }
      return mdicOf(side, mdic(e1000.PHY_STATUS))
    },
    model: '0x18217949',
    qemu: '0x1821796d',
  },
  'other-phy': {
    run(side) {
      mdicOf(side, mdic(e1000.PHY_ID1))
      return mdicOf(side, e1000.E1000_MDIC_OP_READ | (2 << e1000.E1000_MDIC_PHY_SHIFT))
    },
    model: '0x58400000',
    qemu: '0x58220141',
  },
  'phy-registers': {
    run: side => mdicOf(side, mdic(0x1f)),
    model: '0x183f0000',
    qemu: '0x583f0000',
  },
  'phy-read-only': {
    run: side => [mdicOf(side, mdic(e1000.PHY_ID1, 7)), mdicOf(side, mdic(e1000.PHY_ID1))],
    model: ['0x14220007', '0x18220141'],
    qemu: ['0x54220007', '0x18220141'],
  },
  'phy-loopback': {
    run(side) {
      const cable = new Cable(side)
      cable.fill(4)
      side.write(0, e1000.E1000_MDIC, mdic(e1000.PHY_CTRL, 0x5140))
      cable.send(OWN)
      return cable.done
    },
    model: 1,
    qemu: 0,
  },
  eeprom: {
    run: side => written(side, e1000.E1000_EERD, 0x0801),
    model: '0x810',
    qemu: '0x30000810',
  },
  ics: {
    run(side) {
      side.write(0, e1000.E1000_ICS, e1000.E1000_ICR_RXO)
      return side.read(0, e1000.E1000_ICS)
    },
    model: 0,
    qemu: e1000.E1000_ICR_RXO,
  },
  txqe: {
    run(side) {
      side.write(0, e1000.E1000_TCTL, e1000.E1000_TCTL_EN)
      return side.read(0, e1000.E1000_ICR)
    },
    model: 0,
    qemu: e1000.E1000_ICR_TXQE,
  },
  'base-bits': {
    run: side =>
      [e1000.E1000_TDBAL, e1000.E1000_RDBAL].map(base => written(side, base, 0x1234_567f)),
    model: ['0x12345670', '0x12345670'],
    qemu: ['0x1234567f', '0x1234567f'],
  },
  timers: {
    run: side =>
      [e1000.E1000_TIPG, e1000.E1000_ITR, e1000.E1000_RDTR].map(at => written(side, at, 0x55)),
    model: ['0x55', '0x55', '0x55'],
    qemu: ['0x0', '0x0', '0x0'],
  },
  'other-registers': {
    run: side => [0x1000, 0x0e00, 0x0038].map(register => side.read(0, register)),
    model: [0, 0, 0],
    qemu: [0x10_0030, 0x602, 0x8100],
  },
  rps: {
    run: side => new Cable(side).send(OWN, 60, EOP | TXD_CMD_RPS),
    model: 0,
    qemu: e1000.E1000_TXD_STAT_DD,
  },
  gptc: {
    run(side) {
      const cable = new Cable(side)
      cable.send(OWN, 59)
      const short = side.read(0, e1000.E1000_GPTC)
      cable.send(OWN)
      return [short, side.read(0, e1000.E1000_GPTC)]
    },
    model: [0, 1],
    qemu: [1, 1],
  },
  tpr: {
    run(side) {
      const cable = new Cable(side)
      cable.fill(4)
      cable.send(OTHER)
      return cable.received(e1000.E1000_TPR)
    },
    model: 1,
    qemu: 0,
  },
  received: {
    run(side) {
      const cable = new Cable(side)
      cable.send(OWN)
      const waiting = cable.received(e1000.E1000_GPRC)
      cable.fill(4)
      return [waiting, cable.received(e1000.E1000_GPRC)]
    },
    model: [1, 0],
    qemu: [0, 1],
  },
  overrun: {
    run(side) {
      const cable = new Cable(side)
      for (let n = 0; n < 40; n++) {
        cable.send(OWN)
      }
      const causes = cable.received(e1000.E1000_ICR)
      const missed = cable.received(e1000.E1000_MPC)
      cable.fill(50)
      return [causes, missed, cable.done]
    },
    model: [e1000.E1000_ICR_RXO, 8, 32],
    qemu: [0, 0, 40],
  },
  flush: {
    run(side) {
      const cable = new Cable(side)
      for (let n = 0; n < 5; n++) {
        cable.send(OWN)
      }
      cable.fill(2)
      const causes = cable.received(e1000.E1000_ICR) & e1000.E1000_ICR_RXO
      cable.fill(8)
      return [causes, cable.done]
    },
    model: [0, 5],
    qemu: [e1000.E1000_ICR_RXO, 2],
  },
  'late-filter': {
    run(side) {
      const cable = new Cable(side)
      cable.send(OTHER)
      side.write(1, e1000.E1000_RAL + 8, 0x0909_0902)
      side.write(1, e1000.E1000_RAH + 8, 0x8000_0909)
      cable.fill(4)
      return cable.done
    },
    model: 0,
    qemu: 1,
  },
  mpc: {
    run(side) {
      const cable = new Cable(side)
      const isModel = side instanceof ModelSide
      // The model loses the last of 33 frames, QEMU's card the last of two.
      for (let n = 0; n < (isModel ? 33 : 2); n++) {
        cable.send(OWN)
      }
      cable.fill(1)
      return [cable.received(e1000.E1000_MPC), cable.received(e1000.E1000_MPC)]
    },
    model: [1, 0],
    qemu: [1, 1],
  },
  mpe: {
    run(side) {
      const cable = new Cable(side, e1000.E1000_RCTL_MPE)
      cable.fill(4)
      cable.send(BROADCAST)
      return [cable.done, cable.received(e1000.E1000_MPRC)]
    },
    model: [0, 0],
    qemu: [1, 1],
  },
  mta: {
    run(side) {
      const cable = new Cable(side)
      cable.fill(4)
      // Bits 4 to 15 of the last two bytes: 0x090.
      side.write(1, e1000.E1000_MTA + 4 * 4, 1 << 16)
      cable.send(OTHER)
      return [cable.done, cable.received(e1000.E1000_MPRC)]
    },
    model: [1, 0],
    qemu: [1, 1],
  },
  'exact-groups': {
    run(side) {
      const cable = new Cable(side, 0)
      cable.fill(4)
      side.write(1, e1000.E1000_RAL + 8, 0x005e_0001)
      side.write(1, e1000.E1000_RAH + 8, 0x8000_fb00)
      cable.send([1, 0, 0x5e, 0, 0, 0xfb])
      return [cable.done, cable.received(e1000.E1000_MPRC)]
    },
    model: [1, 1],
    qemu: [1, 0],
  },
  oversize: {
    run(side) {
      const cable = new Cable(side)
      cable.fill(4)
      cable.send(OWN, 1519)
      return [cable.done, cable.received(e1000.E1000_ROC)]
    },
    model: [0, 1],
    qemu: [1, 0],
  },
  split: {
    run(side) {
      const cable = new Cable(side, 3 << e1000.E1000_RCTL_BSIZE_SHIFT)
      cable.fill(8)
      cable.send(OWN, 1000)
      return cable.done
    },
    model: 0,
    qemu: 4,
  },
  leftovers: {
    run(side) {
      const cable = new Cable(side)
      cable.fill(1, 0x1234_0000, 0x0000_aa00)
      cable.send(OWN)
      return [e1000.DESC_LOWER, e1000.DESC_UPPER].map(offset => cable.descriptor(offset))
    },
    model: [64, 7],
    qemu: [0x1234_0040, 0xaa07],
  },
  off: {
    run(side) {
      const cable = new Cable(side)
      cable.fill(4)
      side.write(1, e1000.E1000_RCTL, 0)
      cable.send(OWN)
      side.write(1, e1000.E1000_RCTL, e1000.E1000_RCTL_EN)
      return cable.done
    },
    model: 0,
    qemu: 1,
  },
}

test('every row is shown', () => {
  expect(Object.keys(shown)).toEqual(differences.map(({ id }) => id))
})

test.each(differences)(
  '$what: the model and QEMU’s card differ as the row says',
  async ({ id }) => {
    const machine = await startPairMachine()
    onTestFinished(() => machine.close())
    const { model, qemu } = makeTwin(machine)
    const row = shown[id] as Shown
    expect(row.run(model)).toEqual(row.model)
    expect(row.run(qemu)).toEqual(row.qemu)
  },
)
