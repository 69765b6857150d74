/**
 * The model of the card beside QEMU's e1000 and Intel's manual: which registers were compared, and
 * what is different. docs/records/e1000.md shows it. The tests of packages/guest/test/card compare
 * by random operations, which keep off the rows, and show each row on both cards.
 *
 * A source "manual" is a section of 317453 that was read. Without one, the meaning is from the
 * names and notes in Linux' e1000_hw.h, or from QEMU's code. Functions of it are named, because
 * lines move.
 */

/** A register, or several that have one meaning. */
export interface ComparedRegister {
  readonly names: readonly string[]
  readonly source: string
  /** The part that is different or was not compared. */
  readonly except?: string
}

/** Something that QEMU's card does otherwise. */
export interface CardDifference {
  /** For the test that shows it. */
  readonly id: string
  readonly what: string
  readonly model: string
  readonly qemu: string
  readonly source: string
}

const LINUX = 'Linux, `e1000_hw.h`'

export const registers: readonly ComparedRegister[] = [
  { names: ['CTRL'], source: LINUX, except: 'RST' },
  { names: ['STATUS'], source: 'QEMU, `mac_reg_init`', except: 'a link that is lost' },
  { names: ['EERD'], source: LINUX, except: 'words of the EEPROM besides address and ids' },
  { names: ['MDIC'], source: LINUX, except: 'another PHY, registers that it lacks' },
  { names: ['ICR'], source: 'manual 13.4.17', except: 'TXQE after a write of TCTL' },
  { names: ['ICS'], source: LINUX, except: 'reading' },
  { names: ['IMS'], source: LINUX },
  { names: ['IMC'], source: 'manual 13.4.21' },
  { names: ['RCTL'], source: `manual 3.2.1, 3.2.2; ${LINUX}`, except: 'BSEX, VLANs, loopback' },
  { names: ['TCTL'], source: LINUX },
  { names: ['ITR', 'RDTR'], source: 'manual 13.4.18, 13.4.30', except: 'all' },
  { names: ['TIPG'], source: LINUX, except: 'all' },
  { names: ['RDBAL', 'TDBAL'], source: 'manual 13.4.36', except: 'the lowest four bits' },
  { names: ['RDBAH', 'TDBAH'], source: 'manual 13.4.37' },
  { names: ['RDLEN', 'TDLEN'], source: 'manual 13.4.27, 13.4.38' },
  { names: ['RDH', 'TDH'], source: 'manual 13.4.28, 13.4.39' },
  { names: ['RDT', 'TDT'], source: 'manual 13.4.29, 13.4.40' },
  { names: ['RAL', 'RAH'], source: 'manual 13.5.2, 13.5.3' },
  { names: ['MTA'], source: 'manual 3.2.1, figure 13-2' },
  { names: ['GPTC', 'TPT'], source: 'manual 13.7, 13.7.30', except: 'GPTC' },
  { names: ['BPTC', 'MPTC'], source: LINUX },
  { names: ['GPRC'], source: 'manual 13.7, 13.7.27', except: 'while frames wait' },
  { names: ['BPRC', 'MPRC'], source: `manual 13.7; ${LINUX}`, except: 'while frames wait' },
  { names: ['TPR'], source: `manual 13.7.5; ${LINUX}`, except: 'all' },
  { names: ['ROC'], source: 'manual 13.7.36', except: 'frames of 1523 to 1526 bytes' },
  { names: ['MPC', 'RNBC'], source: 'manual 13.7.5, 13.7.33', except: 'all' },
  {
    names: ['transmit descriptors'],
    source: 'manual 3.3.7.1, figure 3-4',
    except: 'offloads, RPS',
  },
  { names: ['receive descriptors'], source: 'manual 3.2.3; QEMU', except: 'several for a frame' },
]

export const differences: readonly CardDifference[] = [
  {
    id: 'reset',
    what: '`CTRL.RST`',
    model: 'all registers get their first values',
    qemu: 'the bit clears itself, nothing else',
    source: `${LINUX}: a global reset; QEMU, \`set_ctrl\``,
  },
  {
    id: 'link',
    what: 'the link without `CTRL.SLU`',
    model: 'down',
    qemu: 'up, and no `LSC` follows when the driver sets it',
    source: `${LINUX}; QEMU, \`mac_reg_init\``,
  },
  {
    id: 'negotiation',
    what: '`PHY_STATUS` before and after a new negotiation',
    model: 'complete with the link; the link remains',
    qemu: 'complete after the first restart; without a link for half a second',
    source: 'QEMU, `e1000x_restart_autoneg`',
  },
  {
    id: 'latch',
    what: 'a link that was lost and is back',
    model: 'the next read of `PHY_STATUS` reports the loss',
    qemu: 'no read reports it',
    source: 'IEEE 802.3, clause 22; QEMU, `set_mdic`',
  },
  {
    id: 'other-phy',
    what: '`MDIC` for a PHY that does not exist',
    model: 'the request with `ERROR`',
    qemu: 'the previous value with `ERROR`',
    source: 'QEMU, `set_mdic`',
  },
  {
    id: 'phy-registers',
    what: 'a register of the PHY that nothing uses',
    model: 'reads 0',
    qemu: '`ERROR`',
    source: 'QEMU, `phy_regcap`',
  },
  {
    id: 'phy-read-only',
    what: 'a write of a register that only the PHY writes',
    model: 'no effect',
    qemu: 'no effect, and `ERROR`',
    source: 'IEEE 802.3, clause 22; QEMU, `phy_regcap`',
  },
  {
    id: 'phy-loopback',
    what: 'loopback in `PHY_CTRL`',
    model: 'frames leave',
    qemu: 'frames return',
    source: 'QEMU, `e1000_send_packet`',
  },
  {
    id: 'eeprom',
    what: 'words of the EEPROM besides address, ids and checksum',
    model: '0',
    qemu: "a real card's",
    source: 'QEMU, `e1000_eeprom_template`',
  },
  {
    id: 'ics',
    what: 'reading `ICS`',
    model: '0',
    qemu: 'the value of `ICR`',
    source: `${LINUX}: write-only; QEMU, \`set_interrupt_cause\``,
  },
  {
    id: 'txqe',
    what: '`TXQE` after a write of `TCTL` with an empty ring',
    model: 'not set',
    qemu: 'set',
    source: 'manual 13.4.17: the last descriptors were used; QEMU, `start_xmit`',
  },
  {
    id: 'base-bits',
    what: 'the lowest four bits of `TDBAL` and `RDBAL`',
    model: 'read as 0',
    qemu: 'read as written; not used',
    source: 'manual 13.4.36; QEMU, `mac_writereg`',
  },
  {
    id: 'timers',
    what: '`TIPG`, and with `mitigation=off` `ITR` and `RDTR`',
    model: 'keep their values, without an effect',
    qemu: 'read as 0',
    source: 'manual 13.4.18, 13.4.30; QEMU, `macreg_writeops`',
  },
  {
    id: 'other-registers',
    what: 'first values of `PBA`, `LEDCTL`, `MANC`, `VET`',
    model: '0',
    qemu: "a real card's",
    source: 'QEMU, `mac_reg_init`',
  },
  {
    id: 'rps',
    what: '`RPS` in a transmit descriptor',
    model: 'no effect',
    qemu: 'like `RS`',
    source: 'manual 3.3.7.1: 82544GC/EI only; QEMU, `txdesc_writeback`',
  },
  {
    id: 'gptc',
    what: '`GPTC` for a frame of fewer than 64 bytes',
    model: 'not counted',
    qemu: 'counted',
    source: 'manual 13.7.30; QEMU, `xmit_seg`',
  },
  {
    id: 'tpr',
    what: '`TPR` for a frame that the filter drops',
    model: 'counted',
    qemu: 'not counted',
    source: `${LINUX}; QEMU, \`e1000x_update_rx_total_stats\``,
  },
  {
    id: 'received',
    what: '`GPRC` of a frame that waits for a descriptor',
    model: 'counted',
    qemu: 'counted when it is in memory',
    source: 'manual 13.7; QEMU, `e1000_receive_iov`',
  },
  {
    id: 'overrun',
    what: 'frames without descriptors',
    model: '32 wait; others are lost, with `MPC` and `RXO`',
    qemu: 'all wait, outside of the card',
    source: 'manual 13.7.5; QEMU, `e1000_can_receive`',
  },
  {
    id: 'flush',
    what: 'frames that wait, and fewer new descriptors',
    model: 'the others continue to wait',
    qemu: 'the others are lost, with `MPC`, `RNBC` and `RXO`',
    source: 'manual 13.7.33; QEMU, `e1000_receive_iov`',
  },
  {
    id: 'late-filter',
    what: 'a frame that waits while the filter changes',
    model: 'the filter of when it arrived',
    qemu: 'the filter of when there are descriptors',
    source: 'manual 3.2.1; QEMU, `e1000_can_receive`',
  },
  {
    id: 'mpc',
    what: '`MPC` after it was read',
    model: '0',
    qemu: 'keeps its value, as `RNBC` does',
    source: 'manual 13.7; QEMU, `macreg_readops`',
  },
  {
    id: 'mpe',
    what: 'a broadcast to a card with `RCTL.MPE`, without `BAM`',
    model: 'dropped',
    qemu: 'received, and counted by `MPRC`',
    source: 'manual 3.2.1: all multicasts; QEMU, `receive_filter`',
  },
  {
    id: 'mta',
    what: '`MPRC` of a unicast frame that a bit of `MTA` lets pass',
    model: 'not counted',
    qemu: 'counted',
    source: 'manual 3.2.1; QEMU, `e1000x_rx_group_filter`',
  },
  {
    id: 'exact-groups',
    what: '`MPRC` and `BPRC` of a frame to a group that `RAL` and `RAH` let pass',
    model: 'counted',
    qemu: 'not counted',
    source: 'manual 13.7; QEMU, `e1000x_rx_group_filter`',
  },
  {
    id: 'oversize',
    what: 'a frame of 1523 bytes with its CRC, without `RCTL.LPE`',
    model: 'dropped, and counted by `ROC`',
    qemu: 'received, up to 1526 bytes',
    source: 'manual 13.7.36; QEMU, `e1000x_is_oversized`',
  },
  {
    id: 'split',
    what: 'a frame that is longer than a buffer',
    model: 'dropped',
    qemu: 'in several buffers',
    source: 'manual 3.2.2; QEMU, `e1000_receive_iov`',
  },
  {
    id: 'leftovers',
    what: 'checksum and errors that a receive descriptor had before',
    model: 'written',
    qemu: 'kept',
    source: 'manual 3.2.3; QEMU, `e1000_receive_iov`',
  },
  {
    id: 'off',
    what: 'a frame that finds the receiver off',
    model: 'dropped',
    qemu: 'waits outside of the card until it is on',
    source: 'QEMU, `e1000_can_receive`',
  },
]
