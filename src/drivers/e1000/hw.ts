/**
 * Registers, bits and descriptors of Intel's 8254x cards, after the manual (317453, chapters 3, 5,
 * 8 and 13), with the names that drivers use for them. Offsets are bytes in BAR 0.
 */

/** Device control; this and what follows is of chapter 13.4. */
export const E1000_CTRL = 0x0000
export const E1000_STATUS = 0x0008
export const E1000_EERD = 0x0014
export const E1000_MDIC = 0x0020
export const E1000_RCTL = 0x0100
export const E1000_TCTL = 0x0400
export const E1000_TIPG = 0x0410

// Interrupts.
export const E1000_ICR = 0x00c0
export const E1000_ITR = 0x00c4
export const E1000_ICS = 0x00c8
export const E1000_IMS = 0x00d0
export const E1000_IMC = 0x00d8

// The rings: base address, length in bytes, head, tail.
export const E1000_RDBAL = 0x2800
export const E1000_RDBAH = 0x2804
export const E1000_RDLEN = 0x2808
export const E1000_RDH = 0x2810
export const E1000_RDT = 0x2818
export const E1000_RDTR = 0x2820
export const E1000_TDBAL = 0x3800
export const E1000_TDBAH = 0x3804
export const E1000_TDLEN = 0x3808
export const E1000_TDH = 0x3810
export const E1000_TDT = 0x3818

// Statistics, chapter 13.7: 32 bits, cleared by reading.
export const E1000_MPC = 0x4010
export const E1000_GPRC = 0x4074
export const E1000_BPRC = 0x4078
export const E1000_MPRC = 0x407c
export const E1000_GPTC = 0x4080
export const E1000_RNBC = 0x40a0
export const E1000_ROC = 0x40ac
export const E1000_TPR = 0x40d0
export const E1000_TPT = 0x40d4
export const E1000_MPTC = 0x40f0
export const E1000_BPTC = 0x40f4

// Receive addresses: a table of 4096 bits for groups, and 16 exact ones of two registers each.
export const E1000_MTA = 0x5200
export const E1000_MC_TBL_SIZE = 128
export const E1000_RAL = 0x5400
export const E1000_RAH = 0x5404
export const E1000_RAR_ENTRIES = 16

export const E1000_CTRL_FD = 0x0000_0001
export const E1000_CTRL_ASDE = 0x0000_0020
export const E1000_CTRL_SLU = 0x0000_0040
export const E1000_CTRL_SPD_1000 = 0x0000_0200
export const E1000_CTRL_SWDPIN0 = 0x0004_0000
export const E1000_CTRL_SWDPIN2 = 0x0010_0000
export const E1000_CTRL_RST = 0x0400_0000

export const E1000_STATUS_FD = 0x0000_0001
export const E1000_STATUS_LU = 0x0000_0002

export const E1000_EERD_START = 0x0000_0001
export const E1000_EERD_DONE = 0x0000_0010
export const E1000_EERD_ADDR_SHIFT = 8
export const E1000_EERD_DATA_SHIFT = 16
export const EEPROM_CHECKSUM_REG = 0x3f
/** The sum of all words of the EEPROM, modulo 2^16. */
export const EEPROM_SUM = 0xbaba

export const E1000_MDIC_REG_SHIFT = 16
export const E1000_MDIC_PHY_SHIFT = 21
export const E1000_MDIC_OP_WRITE = 0x0400_0000
export const E1000_MDIC_OP_READ = 0x0800_0000
export const E1000_MDIC_READY = 0x1000_0000
/** The end of the access raises MDAC. */
export const E1000_MDIC_INT_EN = 0x2000_0000
export const E1000_MDIC_ERROR = 0x4000_0000
/** The address of the only PHY. */
export const E1000_PHY_ADDRESS = 1

// Registers of the PHY (IEEE 802.3, clause 22).
export const PHY_CTRL = 0
export const PHY_STATUS = 1
export const PHY_ID1 = 2
export const PHY_ID2 = 3
export const PHY_AUTONEG_ADV = 4
export const PHY_LP_ABILITY = 5
export const PHY_AUTONEG_EXP = 6
export const PHY_1000T_CTRL = 9
export const PHY_1000T_STATUS = 10
/** Registers that only the M88E1000 has, the PHY of these cards. */
export const M88E1000_PHY_SPEC_CTRL = 16
export const M88E1000_PHY_SPEC_STATUS = 17
export const M88E1000_EXT_PHY_SPEC_CTRL = 20
export const M88E1000_RX_ERR_CNTR = 21
/** Bits of PHY_CTRL that clear themselves. */
export const MII_CR_RESET = 0x8000
export const MII_CR_RESTART_AUTO_NEG = 0x0200
export const MII_SR_LINK_STATUS = 0x0004
export const MII_SR_AUTONEG_COMPLETE = 0x0020
/** In PHY_LP_ABILITY: the partner has received what this end can. */
export const MII_LPAR_LPACK = 0x4000

// Causes of interrupts: bits of ICR, ICS, IMS and IMC.
export const E1000_ICR_TXDW = 0x0000_0001
export const E1000_ICR_TXQE = 0x0000_0002
export const E1000_ICR_LSC = 0x0000_0004
export const E1000_ICR_RXSEQ = 0x0000_0008
export const E1000_ICR_RXDMT0 = 0x0000_0010
export const E1000_ICR_RXO = 0x0000_0040
export const E1000_ICR_RXT0 = 0x0000_0080
export const E1000_ICR_MDAC = 0x0000_0200

export const E1000_RCTL_EN = 0x0000_0002
export const E1000_RCTL_UPE = 0x0000_0008
export const E1000_RCTL_MPE = 0x0000_0010
export const E1000_RCTL_LPE = 0x0000_0020
export const E1000_RCTL_RDMTS_SHIFT = 8
export const E1000_RCTL_MO_SHIFT = 12
export const E1000_RCTL_BAM = 0x0000_8000
/** The size of buffers is 2048, 1024, 512 or 256 bytes, shifted right by this. */
export const E1000_RCTL_BSIZE_SHIFT = 16
export const E1000_RCTL_SECRC = 0x0400_0000

export const E1000_TCTL_EN = 0x0000_0002
export const E1000_TCTL_PSP = 0x0000_0008
export const E1000_TCTL_CT_SHIFT = 4
export const E1000_TCTL_COLD_SHIFT = 12

export const E1000_RAH_AV = 0x8000_0000

// Legacy descriptors, chapters 3.2.3 and 3.3.3: four words of 32 bits.
export const E1000_DESC_SIZE = 16
/** The low half of the buffer's address, and the high one. */
export const DESC_BUFFER_ADDR = 0
export const DESC_BUFFER_ADDR_HIGH = 4
/** Transmit: length, checksum offset, command. Receive: length, checksum. */
export const DESC_LOWER = 8
/** Transmit: status, checksum start, special. Receive: status, errors, special. */
export const DESC_UPPER = 12

// Commands, in the lower word of a transmit descriptor.
export const E1000_TXD_CMD_EOP = 0x0100_0000
export const E1000_TXD_CMD_IFCS = 0x0200_0000
export const E1000_TXD_CMD_RS = 0x0800_0000
export const E1000_TXD_STAT_DD = 0x0000_0001
/** Collisions of half-duplex links, and an underrun. */
export const E1000_TXD_STAT_EC = 0x0000_0002
export const E1000_TXD_STAT_LC = 0x0000_0004
export const E1000_TXD_STAT_TU = 0x0000_0008

export const E1000_RXD_STAT_DD = 0x01
export const E1000_RXD_STAT_EOP = 0x02
export const E1000_RXD_STAT_IXSM = 0x04
/** Errors in the upper word of a receive descriptor, and which of them make a frame useless. */
export const E1000_RXD_ERR_SHIFT = 8
export const E1000_RXD_ERR_FRAME_ERR_MASK = 0x97

/** The longest frame with a VLAN tag and a CRC. */
export const MAXIMUM_ETHERNET_VLAN_SIZE = 1522
export const ETH_FCS_LEN = 4
