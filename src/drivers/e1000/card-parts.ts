/** The parts of the card that its driver reaches through one register each: EEPROM and PHY. */
import * as e1000 from './hw.ts'

/** Words of the EEPROM. */
const WORDS = 64
/** The words with the ids of the card, and its ids: an 82540EM. */
const DEVICE_ID_AT = 0x0d
const VENDOR_ID_AT = 0x0e
const DEVICE_ID = 0x100e
const VENDOR_ID = 0x8086

/** The memory with the card's address, which EERD reads (chapter 5.3.1). */
export class Eeprom {
  readonly #words = new Uint16Array(WORDS)

  constructor(mac: Uint8Array) {
    for (let i = 0; i < mac.length / 2; i++) {
      this.#words[i] = mac[2 * i] | (mac[2 * i + 1] << 8)
    }
    this.#words[DEVICE_ID_AT] = DEVICE_ID
    this.#words[VENDOR_ID_AT] = VENDOR_ID
    const sum = this.#words.reduce((total, word) => total + word, 0)
    this.#words[e1000.EEPROM_CHECKSUM_REG] = e1000.EEPROM_SUM - sum
  }

  /** The values of RAL and RAH that the card loads at a reset. */
  get receiveAddress(): readonly [low: number, high: number] {
    const [first, second, third] = this.#words
    return [(first | (second << 16)) >>> 0, (third | e1000.E1000_RAH_AV) >>> 0]
  }

  /** Returns the register EERD after a write of `value`: the word is in it immediately. */
  read(value: number): number {
    if ((value & e1000.E1000_EERD_START) === 0) return value
    const address = (value >> e1000.E1000_EERD_ADDR_SHIFT) & 0xff
    const word = this.#words[address] ?? 0
    const rest = (value & 0xffff & ~e1000.E1000_EERD_START) | e1000.E1000_EERD_DONE
    return ((word << e1000.E1000_EERD_DATA_SHIFT) | rest) >>> 0
  }
}

/** Abilities of the PHY that do not change: an M88E1000 that has negotiated 1000 Mbit/s. */
const BMSR = 0x7949
const FIRST_VALUES: readonly (readonly [register: number, value: number])[] = [
  [e1000.PHY_CTRL, 0x1140],
  [e1000.PHY_ID1, 0x0141],
  [e1000.PHY_ID2, 0x0c20],
  [e1000.PHY_AUTONEG_ADV, 0x0de1],
  [e1000.PHY_LP_ABILITY, 0x01e0],
  [e1000.PHY_1000T_CTRL, 0x0e00],
  [e1000.PHY_1000T_STATUS, 0x3c00],
  [e1000.M88E1000_PHY_SPEC_CTRL, 0x0360],
  [e1000.M88E1000_PHY_SPEC_STATUS, 0xac00],
  [e1000.M88E1000_EXT_PHY_SPEC_CTRL, 0x0d60],
]
/** Registers that only the PHY writes. */
const READ_ONLY: ReadonlySet<number> = new Set([
  e1000.PHY_STATUS,
  e1000.PHY_ID1,
  e1000.PHY_ID2,
  e1000.PHY_LP_ABILITY,
  e1000.PHY_AUTONEG_EXP,
  e1000.PHY_1000T_STATUS,
  e1000.M88E1000_PHY_SPEC_STATUS,
  e1000.M88E1000_RX_ERR_CNTR,
])
/** Bits of PHY_CTRL that are reserved, or clear themselves. */
const CTRL_READS_0 = 0x003f | e1000.MII_CR_RESET | e1000.MII_CR_RESTART_AUTO_NEG

/** The transceiver, which MDIC reaches (chapter 8). */
export class Phy {
  readonly #registers = new Uint16Array(32)
  #hasLink = false
  /** The link was lost since the last read of the status, which reports that once. */
  #wasLost = false

  constructor() {
    for (const [register, value] of FIRST_VALUES) {
      this.#registers[register] = value
    }
  }

  setLink(isUp: boolean): void {
    this.#wasLost ||= this.#hasLink && !isUp
    this.#hasLink = isUp
  }

  /** Returns the register MDIC after a write of `value`. */
  access(value: number): number {
    const register = (value >> e1000.E1000_MDIC_REG_SHIFT) & 31
    const phy = (value >> e1000.E1000_MDIC_PHY_SHIFT) & 31
    const done = (value | e1000.E1000_MDIC_READY) >>> 0
    if (phy !== e1000.E1000_PHY_ADDRESS) return (done | e1000.E1000_MDIC_ERROR) >>> 0
    if ((value & e1000.E1000_MDIC_OP_READ) !== 0) {
      return ((done & 0xffff_0000) | this.#read(register)) >>> 0
    }
    if (!READ_ONLY.has(register)) {
      this.#registers[register] = register === e1000.PHY_CTRL ? value & ~CTRL_READS_0 : value
    }
    return done
  }

  #read(register: number): number {
    if (register === e1000.PHY_LP_ABILITY && this.#hasLink) {
      return this.#registers[register] | e1000.MII_LPAR_LPACK
    }
    if (register !== e1000.PHY_STATUS) return this.#registers[register]
    const isUp = this.#hasLink && !this.#wasLost
    this.#wasLost = false
    return isUp ? BMSR | e1000.MII_SR_LINK_STATUS | e1000.MII_SR_AUTONEG_COMPLETE : BMSR
  }
}
