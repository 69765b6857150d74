/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The card of exercises 23 and 24, an 82540EM: what their drivers use of it. The virtual machine
 * has QEMU's, with an IOMMU. Names are the manual's (Intel 317453) and Linux'.
 */
#ifndef VNET_E1000_H
#define VNET_E1000_H

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/pci.h>
#include "course.h"

/* Registers: offsets in BAR 0. */
#define E1000_CTRL 0x0000
#define E1000_STATUS 0x0008
#define E1000_EERD 0x0014
#define E1000_ICR 0x00c0
#define E1000_IMS 0x00d0
#define E1000_IMC 0x00d8
#define E1000_RCTL 0x0100
#define E1000_TCTL 0x0400
#define E1000_RDBAL 0x2800
#define E1000_RDBAH 0x2804
#define E1000_RDLEN 0x2808
#define E1000_RDH 0x2810
#define E1000_RDT 0x2818
#define E1000_TDBAL 0x3800
#define E1000_TDBAH 0x3804
#define E1000_TDLEN 0x3808
#define E1000_TDH 0x3810
#define E1000_TDT 0x3818
#define E1000_RAL 0x5400
#define E1000_RAH 0x5404

#define E1000_CTRL_SLU 0x00000040
#define E1000_CTRL_RST 0x04000000
#define E1000_STATUS_LU 0x00000002
#define E1000_EERD_START 0x00000001
#define E1000_EERD_DONE 0x00000010
#define E1000_ICR_TXDW 0x00000001
#define E1000_ICR_LSC 0x00000004
#define E1000_ICR_RXT0 0x00000080
#define E1000_RCTL_EN 0x00000002
#define E1000_RCTL_BAM 0x00008000
#define E1000_TCTL_EN 0x00000002
#define E1000_TCTL_PSP 0x00000008
#define E1000_RAH_AV 0x80000000

/* A descriptor of either ring. */
struct e1000_desc {
	__le64 buffer_addr;
	__le32 lower; /* transmit: length and command; receive: length and checksum */
	__le32 upper; /* the status is in its lowest byte */
};

/* Commands, in the lower word of a transmit descriptor, and bits of the status. */
#define E1000_TXD_CMD_EOP 0x01000000
#define E1000_TXD_CMD_IFCS 0x02000000
#define E1000_TXD_CMD_RS 0x08000000
#define E1000_TXD_STAT_DD 0x00000001
#define E1000_RXD_STAT_DD 0x00000001

/* The longest frame with a VLAN tag and a CRC. */
#define MAXIMUM_ETHERNET_VLAN_SIZE 1522

/* A length of a ring that TDLEN and RDLEN can have: 128 bytes are 8 descriptors. */
static inline unsigned int e1000_ring_size(unsigned int count)
{
	return clamp(round_up(count, 8), 8u, 4096u);
}

/* Stops the card, which then touches no memory, and masks its interrupts. It may sleep. */
static inline void e1000_reset_hw(void __iomem *hw)
{
	writel(~0, hw + E1000_IMC);
	/* QEMU's card keeps its registers in a reset. */
	writel(0, hw + E1000_RCTL);
	writel(E1000_TCTL_PSP, hw + E1000_TCTL);
	readl(hw + E1000_STATUS); /* the writes have arrived when it returns */
	msleep(10);
	writel(readl(hw + E1000_CTRL) | E1000_CTRL_RST, hw + E1000_CTRL);
	msleep(5);
	writel(~0, hw + E1000_IMC);
	readl(hw + E1000_ICR);
}

/* Reads the address of the card. Returns 0, or an error. */
static inline int e1000_read_mac(void __iomem *hw, u8 *mac)
{
	for (int word = 0; word < ETH_ALEN / 2; word++) {
		u32 eerd = 0;

		writel(word << 8 | E1000_EERD_START, hw + E1000_EERD);
		for (int i = 0; i < 1000 && !(eerd & E1000_EERD_DONE); i++) {
			udelay(5);
			eerd = readl(hw + E1000_EERD);
		}
		if (!(eerd & E1000_EERD_DONE))
			return -EIO;
		mac[2 * word] = eerd >> 16;
		mac[2 * word + 1] = eerd >> 24;
	}
	return 0;
}

#endif
