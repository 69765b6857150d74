/** The model of the card, by its registers and descriptors alone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as e1000 from '#src/drivers/e1000/hw.ts'
import { mcHash } from '#src/drivers/e1000/rx-address.ts'
import { balancedPool, skbOf } from '#support/skb.ts'
import { Bench, MAC } from './bench.ts'

const pool = balancedPool({ large: 1, small: 128 })
const made: Bench[] = []
let bench: Bench
const newBench = () => {
  const one = new Bench(pool)
  made.push(one)
  return one
}

beforeEach(() => {
  bench = newBench()
})
afterEach(() => {
  for (const one of made.splice(0)) {
    one.end()
  }
})

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
/** A frame to an address, with a number in all of its other bytes. */
const frame = (to: readonly number[], n = 1, length = 60) => [
  ...to,
  ...new Array<number>(length - to.length).fill(n),
]
const { EOP, RS } = { EOP: e1000.E1000_TXD_CMD_EOP, RS: e1000.E1000_TXD_CMD_RS }

describe('EEPROM, PHY and reset', () => {
  test('EERD reads the address, and all words have the sum 0xbaba', () => {
    const word = (at: number) => {
      bench.write(e1000.E1000_EERD, (at << 8) | e1000.E1000_EERD_START)
      const value = bench.read(e1000.E1000_EERD)
      expect(value & 0x11).toBe(e1000.E1000_EERD_DONE)
      return value >>> 16
    }
    const words = Array.from({ length: 64 }, (_, at) => word(at))
    expect(words.slice(0, 3)).toEqual([0x5452, 0x1200, 0x0134])
    expect(words.reduce((sum, each) => sum + each, 0) & 0xffff).toBe(e1000.EEPROM_SUM)
    expect(word(64)).toBe(0)
    bench.write(e1000.E1000_EERD, 0x100)
    expect(bench.read(e1000.E1000_EERD)).toBe(0x100)
  })

  const mdic = (register: number, op: number, phy = 1, data = 0) => {
    bench.write(e1000.E1000_MDIC, (op | (phy << 21) | (register << 16) | data) >>> 0)
    return bench.read(e1000.E1000_MDIC)
  }
  const phyRead = (register: number) => mdic(register, e1000.E1000_MDIC_OP_READ)

  test('MDIC reads the id of the PHY, writes its control, and fails for another PHY', () => {
    expect(phyRead(e1000.PHY_ID1)).toBe(0x1822_0141)
    expect(phyRead(e1000.PHY_ID2) & 0xffff).toBe(0x0c20)
    expect(
      mdic(e1000.PHY_CTRL, e1000.E1000_MDIC_OP_WRITE, 1, 0x1234) & e1000.E1000_MDIC_READY,
    ).not.toBe(0)
    mdic(e1000.PHY_ID1, e1000.E1000_MDIC_OP_WRITE, 1, 0x1234)
    expect([phyRead(e1000.PHY_CTRL) & 0xffff, phyRead(e1000.PHY_ID1) & 0xffff]).toEqual([
      0x1000, 0x0141,
    ])
    expect(mdic(0, e1000.E1000_MDIC_OP_READ, 2) & e1000.E1000_MDIC_ERROR).toBe(
      e1000.E1000_MDIC_ERROR,
    )
  })

  test('an access with an interrupt raises MDAC, and others do not', () => {
    phyRead(e1000.PHY_ID1)
    expect(bench.read(e1000.E1000_ICR)).toBe(0)
    mdic(e1000.PHY_ID1, e1000.E1000_MDIC_OP_READ | e1000.E1000_MDIC_INT_EN)
    expect(bench.read(e1000.E1000_ICR)).toBe(e1000.E1000_ICR_MDAC)
  })

  test('bits of the PHY clear themselves, and a write does not change its reports', () => {
    const written = (register: number, value: number) => {
      mdic(register, e1000.E1000_MDIC_OP_WRITE, 1, value)
      return phyRead(register) & 0xffff
    }
    expect(written(e1000.PHY_CTRL, 0xffff)).toBe(0x7dc0)
    expect(written(e1000.PHY_1000T_CTRL, 0x1234)).toBe(0x1234)
    const reported = [
      [e1000.PHY_STATUS, 0x7949],
      [e1000.PHY_LP_ABILITY, 0x01e0],
      [e1000.PHY_AUTONEG_EXP, 0],
      [e1000.PHY_1000T_STATUS, 0x3c00],
      [e1000.M88E1000_PHY_SPEC_STATUS, 0xac00],
      [e1000.M88E1000_RX_ERR_CNTR, 0],
    ] as const
    expect(reported.map(([register]) => written(register, 0x1234))).toEqual(
      reported.map(([, value]) => value),
    )
    bench.start()
    expect(phyRead(e1000.PHY_LP_ABILITY) & 0xffff).toBe(0x41e0)
  })

  test('the status of the PHY reports a lost link once', () => {
    const hasLink = () => (phyRead(e1000.PHY_STATUS) & e1000.MII_SR_LINK_STATUS) !== 0
    expect(hasLink()).toBe(false)
    bench.start()
    expect([hasLink(), hasLink()]).toEqual([true, true])
    bench.card.signal(false)
    bench.card.signal(true)
    expect([hasLink(), hasLink()]).toEqual([false, true])
  })

  test('a reset gives all registers their first values, and loses the frames in the card', () => {
    bench.start()
    bench.write(e1000.E1000_IMS, 0xff)
    bench.arrive(frame(MAC))
    expect([bench.card.packetBuffer.length, bench.hasSignal]).toEqual([1, true])
    bench.write(e1000.E1000_ICS, e1000.E1000_ICR_RXT0)
    expect(bench.isAsserted).toBe(true)
    bench.write(e1000.E1000_CTRL, e1000.E1000_CTRL_RST)
    const registers = [
      e1000.E1000_RCTL,
      e1000.E1000_TDBAL,
      e1000.E1000_IMS,
      e1000.E1000_ICR,
      e1000.E1000_STATUS,
    ]
    expect(registers.map(bench.read)).toEqual([0, 0, 0, 0, 0x8008_0781])
    expect([bench.read(e1000.E1000_RAL), bench.read(e1000.E1000_RAH)]).toEqual([
      0x1200_5452, 0x8000_0134,
    ])
    expect([bench.drops, bench.isAsserted, bench.hasSignal]).toEqual([
      ['DEV_STOPPED'],
      false,
      false,
    ])
  })

  test('a register without an effect keeps its value, STATUS and statistics do not, others read 0', () => {
    bench.write(e1000.E1000_TIPG, 0x602008)
    bench.write(e1000.E1000_STATUS, 0)
    bench.write(e1000.E1000_GPTC, 7)
    bench.write(0xf000, 7)
    const registers = [
      e1000.E1000_TIPG,
      e1000.E1000_STATUS,
      e1000.E1000_GPTC,
      0xf000,
      e1000.E1000_ICS,
    ]
    expect(registers.map(bench.read)).toEqual([0x602008, 0x8008_0781, 0, 0, 0])
    bench.write(e1000.E1000_TDLEN, 0xffff_ffff)
    bench.write(e1000.E1000_TDH, 0xffff_ffff)
    expect([bench.read(e1000.E1000_TDLEN), bench.read(e1000.E1000_TDH)]).toEqual([0xfff80, 0xffff])
    for (const base of [e1000.E1000_TDBAL, e1000.E1000_RDBAL]) {
      bench.write(base, 0xffff_ffff)
      expect(bench.read(base)).toBe(0xffff_fff0)
    }
  })
})

describe('interrupts and link', () => {
  test('the line is asserted while a cause is set that is not masked', () => {
    bench.write(e1000.E1000_ICS, e1000.E1000_ICR_TXDW | e1000.E1000_ICR_RXO)
    expect(bench.isAsserted).toBe(false)
    bench.write(e1000.E1000_IMS, e1000.E1000_ICR_TXDW)
    expect(bench.isAsserted).toBe(true)
    bench.write(e1000.E1000_IMC, 0xffff_ffff)
    expect([bench.isAsserted, bench.read(e1000.E1000_IMS)]).toEqual([false, 0])
    bench.write(e1000.E1000_IMS, e1000.E1000_ICR_RXO)
    // Writing a bit clears it, reading clears all.
    bench.write(e1000.E1000_ICR, e1000.E1000_ICR_RXO)
    expect([bench.isAsserted, bench.read(e1000.E1000_ICR)]).toEqual([false, e1000.E1000_ICR_TXDW])
    bench.write(e1000.E1000_ICS, e1000.E1000_ICR_RXO)
    expect(bench.isAsserted).toBe(true)
    expect(bench.read(e1000.E1000_ICR)).toBe(e1000.E1000_ICR_RXO)
    expect([bench.isAsserted, bench.read(e1000.E1000_ICR)]).toEqual([false, 0])
  })

  test('the link is up with SLU and a signal, and each change is a cause', () => {
    const link = () => [bench.card.hasLink, bench.read(e1000.E1000_ICR)]
    bench.card.signal(true)
    expect(link()).toEqual([false, 0])
    bench.write(e1000.E1000_CTRL, e1000.E1000_CTRL_SLU)
    expect([...link(), bench.read(e1000.E1000_STATUS) & 2]).toEqual([true, e1000.E1000_ICR_LSC, 2])
    bench.card.signal(true)
    expect(link()).toEqual([true, 0])
    bench.card.signal(false)
    expect(link()).toEqual([false, e1000.E1000_ICR_LSC])
    bench.card.signal(true)
    bench.write(e1000.E1000_CTRL, 0)
    expect(link()).toEqual([false, e1000.E1000_ICR_LSC])
  })
})

describe('the transmit ring', () => {
  test('the card sends from head to tail, marks what has RS, and pads', () => {
    bench.start()
    const first = bench.put([...MAC, 1, 2])
    const quiet = bench.put(frame(BROADCAST, 2), EOP)
    const third = bench.put(frame([1, 0, 0, 0, 0, 1], 3, 1514))
    expect(bench.sent).toEqual([])
    bench.ring()
    expect(bench.sent).toEqual([
      [...MAC, 1, 2, ...new Array<number>(52).fill(0)],
      frame(BROADCAST, 2),
      frame([1, 0, 0, 0, 0, 1], 3, 1514),
    ])
    expect([first, quiet, third].map(bench.isDone)).toEqual([true, false, true])
    expect(bench.read(e1000.E1000_TDH)).toBe(3)
    expect(bench.read(e1000.E1000_ICR)).toBe(e1000.E1000_ICR_TXDW | e1000.E1000_ICR_TXQE)
    const counts = [e1000.E1000_GPTC, e1000.E1000_BPTC, e1000.E1000_MPTC, e1000.E1000_TPT]
    expect([counts.map(bench.read), counts.map(bench.read)]).toEqual([
      [3, 1, 1, 3],
      [0, 0, 0, 0],
    ])
  })

  test('without PSP a short frame is sent as it is, and not counted as good', () => {
    bench.start()
    bench.write(e1000.E1000_TCTL, e1000.E1000_TCTL_EN)
    bench.put(frame(MAC, 1, 59))
    bench.put(frame(MAC, 1, 60))
    bench.ring()
    expect(bench.sent.map(({ length }) => length)).toEqual([59, 60])
    expect([bench.read(e1000.E1000_GPTC), bench.read(e1000.E1000_TPT)]).toEqual([1, 2])
  })

  test('a descriptor that is done has no bits of trouble, and keeps the others', () => {
    bench.start()
    const [done, quiet] = [bench.put(frame(MAC)), bench.put(frame(MAC), EOP)]
    for (const i of [done, quiet]) {
      bench.tx.write32(i * 16 + e1000.DESC_UPPER, 0x1234_560e)
    }
    bench.ring()
    const upper = [done, quiet].map(i => bench.tx.peek32(i * 16 + e1000.DESC_UPPER))
    expect(upper).toEqual([0x1234_5601, 0x1234_560e])
  })

  test('the head wraps around at the end of the ring', () => {
    bench.start()
    for (let n = 0; n < 20; n++) {
      bench.put(frame(MAC, n))
      bench.ring()
    }
    expect(bench.sent.map(([, , , , , , n]) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(bench.read(e1000.E1000_TDH)).toBe(4)
  })

  test('a frame may be in several buffers, of which the last has EOP', () => {
    bench.start()
    bench.put([...MAC, 1], 0)
    bench.put([2, 3], RS)
    expect(bench.sent).toEqual([])
    bench.put(frame([4], 5, 60))
    bench.ring()
    expect(bench.sent).toEqual([[...MAC, 1, 2, 3, ...frame([4], 5, 60)]])
  })

  test('without a link a frame is lost and its descriptor done; without TCTL.EN nothing happens', () => {
    bench.start()
    bench.card.signal(false)
    const i = bench.put(frame(MAC))
    bench.ring()
    expect([bench.isDone(i), bench.sent, pool.drops.reduce((n, each) => n + each)]).toEqual([
      true,
      [],
      1,
    ])
    pool.drops.fill(0)
    bench.card.signal(true)
    bench.write(e1000.E1000_TCTL, 0)
    const waiting = bench.put(frame(MAC, 2))
    bench.ring()
    expect([bench.isDone(waiting), bench.sent]).toEqual([false, []])
    bench.write(e1000.E1000_TCTL, e1000.E1000_TCTL_EN)
    bench.run()
    expect([bench.isDone(waiting), bench.sent]).toEqual([true, [frame(MAC, 2)]])
  })

  test('a tail outside of the ring is one round, not an endless one', () => {
    bench.start()
    for (let n = 0; n < 8; n++) {
      bench.put(frame(MAC, n))
    }
    bench.write(e1000.E1000_TDT, 100)
    bench.run()
    expect([bench.sent.length, bench.read(e1000.E1000_TDH)]).toEqual([8, 0])
  })

  test('without memory for a frame the card waits, and continues later', () => {
    bench.start()
    bench.hasMemory = false
    const i = bench.put(frame(MAC))
    bench.ring()
    bench.put(frame(MAC, 2))
    bench.ring()
    expect([bench.sent, bench.laterRequests, bench.requests, bench.isDone(i)]).toEqual([
      [],
      1,
      0,
      false,
    ])
    bench.hasMemory = true
    bench.card.run()
    expect([bench.sent.length, bench.isDone(i)]).toEqual([2, true])
  })

  test('a fault of the IOMMU sends zeros, and the descriptor is done, as on QEMU’s card', () => {
    bench.start()
    const i = bench.put(frame(MAC))
    bench.tx.write32(i * 16, 0x7777_7000)
    bench.ring()
    expect([bench.sent, bench.isDone(i)]).toEqual([[new Array(60).fill(0)], true])
    expect(bench.lines).toEqual([
      'DMAR: [DMA Read NO_PASID] Request device [00:03.0] fault addr 0x77777000 [fault reason 0x06] PTE Read access is not set',
    ])
  })

  test('a descriptor that the card may not read does nothing, and is not done', () => {
    bench.start()
    const i = bench.put(frame(MAC))
    bench.write(e1000.E1000_TDBAH, 1)
    bench.ring()
    expect([bench.sent, bench.isDone(i), bench.read(e1000.E1000_TDH)]).toEqual([[], false, 1])
    expect(bench.lines[0]).toContain(`fault addr 0x${(2 ** 32 + bench.tx.dma).toString(16)} `)
  })

  test('doorbell: the next write of the tail is lost; the one after it is not', () => {
    bench.start()
    bench.card.faults.doorbell = true
    bench.put(frame(MAC, 1))
    bench.ring()
    expect([bench.sent.length, bench.read(e1000.E1000_TDT)]).toEqual([0, 0])
    bench.put(frame(MAC, 2))
    bench.ring()
    expect(bench.sent.length).toBe(2)
  })

  test('hang: the card sends nothing until a reset', () => {
    bench.start()
    bench.card.faults.hang = true
    bench.put(frame(MAC, 1))
    bench.ring()
    expect([bench.sent.length, bench.read(e1000.E1000_ICR)]).toEqual([0, 0])
    bench.write(e1000.E1000_CTRL, e1000.E1000_CTRL_RST)
    bench.start()
    bench.ring()
    expect(bench.sent.length).toBe(1)
  })
})

describe('the receive ring', () => {
  const DONE = e1000.E1000_RXD_STAT_DD | e1000.E1000_RXD_STAT_EOP | e1000.E1000_RXD_STAT_IXSM

  test('a frame is in the buffer of the next descriptor, its length with the CRC', () => {
    bench.start()
    bench.fill(7)
    bench.arrive(frame(MAC, 5, 1514))
    bench.arrive([...BROADCAST, 1])
    expect(bench.received(0)).toEqual([1518, DONE, frame(MAC, 5, 14)])
    // Padded, as QEMU's card does.
    expect(bench.received(1, 8)).toEqual([64, DONE, [...BROADCAST, 1, 0]])
    expect([bench.read(e1000.E1000_RDH), bench.read(e1000.E1000_ICR)]).toEqual([
      2,
      e1000.E1000_ICR_RXT0,
    ])
    bench.write(e1000.E1000_RCTL, bench.read(e1000.E1000_RCTL) | e1000.E1000_RCTL_SECRC)
    bench.arrive(frame(MAC, 5, 100))
    expect(bench.received(2)[0]).toBe(100)
    const counts = [e1000.E1000_GPRC, e1000.E1000_BPRC, e1000.E1000_MPRC, e1000.E1000_TPR]
    expect(counts.map(bench.read)).toEqual([3, 1, 0, 3])
  })

  test('frames wait in the packet buffer for descriptors, and are lost when it is full', () => {
    bench.start()
    for (let n = 0; n < 33; n++) {
      bench.arrive(frame(MAC, n))
    }
    expect([bench.card.packetBuffer.length, bench.drops]).toEqual([32, ['FULL_RING']])
    expect([bench.read(e1000.E1000_MPC), bench.read(e1000.E1000_ICR)]).toEqual([
      1,
      e1000.E1000_ICR_RXO,
    ])
    // A frame is received once it is in the packet buffer.
    expect([bench.read(e1000.E1000_GPRC), bench.read(e1000.E1000_RNBC)]).toEqual([32, 32])
    bench.fill(7)
    expect([0, 6].map(i => bench.received(i, 7)[2][6])).toEqual([0, 6])
    expect([bench.card.packetBuffer.length, bench.read(e1000.E1000_RDH)]).toEqual([25, 7])
    bench.fill(4, 7)
    expect([7, 0, 1, 2].map(i => bench.received(i, 7)[2][6])).toEqual([7, 8, 9, 10])
    expect(bench.read(e1000.E1000_RDH)).toBe(3)
  })

  test('a full packet buffer makes room while descriptors are left, whenever the card runs', () => {
    bench.start()
    bench.fill(7)
    for (let n = 0; n < 40; n++) {
      bench.card.receive(skbOf(pool, frame(MAC, n)))
    }
    expect([bench.drops, bench.read(e1000.E1000_RDH)]).toEqual([['FULL_RING'], 7])
    expect([0, 6].map(i => bench.received(i, 7)[2][6])).toEqual([0, 6])
  })

  test('RXDMT0 says that half of the descriptors are used, or less with RDMTS', () => {
    bench.start()
    bench.fill(7)
    const causes = [1, 2, 3].map(n => {
      bench.arrive(frame(MAC, n))
      return bench.read(e1000.E1000_ICR)
    })
    expect(causes).toEqual([
      e1000.E1000_ICR_RXT0,
      e1000.E1000_ICR_RXT0,
      e1000.E1000_ICR_RXT0 | e1000.E1000_ICR_RXDMT0,
    ])
    bench.write(
      e1000.E1000_RCTL,
      bench.read(e1000.E1000_RCTL) | (1 << e1000.E1000_RCTL_RDMTS_SHIFT),
    )
    bench.arrive(frame(MAC, 4))
    expect(bench.read(e1000.E1000_ICR)).toBe(e1000.E1000_ICR_RXT0)
  })

  test('a frame is dropped that is too long, or that finds the receiver off or no link', () => {
    bench.start()
    bench.fill(7)
    bench.arrive(frame(MAC, 1, 1519))
    bench.arrive(frame([2, 0, 0, 0, 0, 7], 1, 1519))
    expect([bench.read(e1000.E1000_ROC), bench.read(e1000.E1000_TPR)]).toEqual([1, 2])
    bench.arrive(frame(MAC, 1, 1518))
    bench.write(e1000.E1000_RCTL, 0)
    bench.arrive(frame(MAC))
    bench.write(e1000.E1000_RCTL, e1000.E1000_RCTL_EN)
    bench.card.signal(false)
    bench.arrive(frame(MAC))
    expect([bench.drops, bench.read(e1000.E1000_RDH)]).toEqual([
      ['PKT_TOO_BIG', 'OTHERHOST', 'DEV_READY', 'DEV_READY'],
      1,
    ])
  })

  test('a frame is not longer than its buffer, with its CRC if that is stored, whatever LPE says', () => {
    bench.start()
    bench.fill(7)
    const [lpe, of512] = [e1000.E1000_RCTL_LPE, 2 << e1000.E1000_RCTL_BSIZE_SHIFT]
    bench.write(e1000.E1000_RCTL, e1000.E1000_RCTL_EN | lpe | of512)
    bench.arrive(frame(MAC, 1, 509))
    bench.arrive(frame(MAC, 1, 508))
    expect([bench.drops, bench.read(e1000.E1000_RDH)]).toEqual([['PKT_TOO_BIG'], 1])
    expect(bench.read(e1000.E1000_ROC)).toBe(0)
    bench.write(e1000.E1000_RCTL, e1000.E1000_RCTL_EN | lpe | of512 | e1000.E1000_RCTL_SECRC)
    bench.arrive(frame(MAC, 1, 513))
    bench.arrive(frame(MAC, 1, 512))
    expect([bench.drops.length, bench.read(e1000.E1000_RDH)]).toEqual([2, 2])
  })

  test('a descriptor without a buffer is skipped: only its status changes', () => {
    bench.start()
    bench.fill(4)
    bench.rx.write32(0, 0)
    bench.rx.write32(e1000.DESC_LOWER, 0x5678_1234)
    bench.rx.write32(e1000.DESC_UPPER, 0x9abc_0000)
    bench.arrive(frame(MAC, 5))
    expect(bench.rx.peek32(e1000.DESC_LOWER)).toBe(0x5678_1234)
    expect(bench.rx.peek32(e1000.DESC_UPPER)).toBe(0x9abc_0001)
    expect(bench.received(1, 7)).toEqual([64, DONE, [...MAC, 5]])
    expect([bench.read(e1000.E1000_RDH), bench.read(e1000.E1000_GPRC), bench.lines]).toEqual([
      2,
      1,
      [],
    ])
  })

  test('with a tail outside of the ring, descriptors without buffers are skipped for one round', () => {
    bench.start()
    bench.write(e1000.E1000_RDT, 100)
    bench.arrive(frame(MAC))
    expect([bench.card.packetBuffer.length, bench.read(e1000.E1000_RDH)]).toEqual([1, 0])
  })

  test('a buffer that the card may not write is a fault; the descriptor is done', () => {
    bench.start()
    bench.fill(7)
    bench.rx.write32(0, 0x7777_7000)
    bench.arrive(frame(MAC))
    expect(bench.rx.peek32(e1000.DESC_UPPER)).toBe(DONE)
    expect(bench.lines).toEqual([
      'DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0x77777000 [fault reason 0x05] PTE Write access is not set',
    ])
  })
})

describe('the receive filter', () => {
  const OTHER = [2, 0, 0, 0, 0, 7]
  const GROUP = [1, 0, 0x5e, 0, 0, 0xfb]
  /** Which of own, other, group and broadcast address pass. */
  const passing = () =>
    [MAC, OTHER, GROUP, BROADCAST].map(to => {
      const dropped = bench.drops.length
      bench.arrive(frame(to))
      return bench.drops.length === dropped
    })
  const setRctl = (bits: number) => bench.write(e1000.E1000_RCTL, e1000.E1000_RCTL_EN | bits)

  test('the card takes its own address, and more with BAM, MPE and UPE', () => {
    bench.start()
    setRctl(0)
    expect(passing()).toEqual([true, false, false, false])
    setRctl(e1000.E1000_RCTL_BAM)
    expect(passing()).toEqual([true, false, false, true])
    setRctl(e1000.E1000_RCTL_MPE)
    expect(passing()).toEqual([true, false, true, false])
    setRctl(e1000.E1000_RCTL_UPE)
    expect(passing()).toEqual([true, true, false, false])
    expect(new Set(bench.drops)).toEqual(new Set(['OTHERHOST']))
  })

  test('the card takes the other receive addresses that are valid', () => {
    bench.start()
    setRctl(0)
    const at = e1000.E1000_RAL + 8 * 15
    bench.write(at, 0x0000_0002)
    bench.write(at + 4, 0x0700)
    expect(passing()).toEqual([true, false, false, false])
    bench.write(at + 4, 0x8000_0700)
    expect(passing()).toEqual([true, true, false, false])
  })

  test.each([
    [0, 0xfb0],
    [1, 0xf60],
    [2, 0xec0],
    [3, 0xb00],
  ])(
    'the multicast table has a bit for twelve bits of the address, with RCTL.MO %i',
    (mo, hash) => {
      expect(mcHash(Uint8Array.from(GROUP), 0, mo)).toBe(hash)
      bench.start()
      setRctl(mo << e1000.E1000_RCTL_MO_SHIFT)
      expect(passing()).toEqual([true, false, false, false])
      bench.write(e1000.E1000_MTA + 4 * (hash >> 5), 1 << (hash & 31))
      expect(passing()).toEqual([true, false, true, false])
    },
  )
})
