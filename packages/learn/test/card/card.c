// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Sends frames through both rings of an 82540EM, whose PHY returns them, until one arrives, and one
 * frame more. With wrong=read its transmit descriptor has the CPU's address of the buffer, with
 * wrong=write its receive descriptor: an IOMMU reports each.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

enum {
	CTRL = 0x0000, MDIC = 0x0020, IMC = 0x00d8, RCTL = 0x0100, TCTL = 0x0400,
	RDBAL = 0x2800, TDBAL = 0x3800,
	/* After the base address of a ring. */
	HIGH = 4, LENGTH = 8, HEAD = 0x10, TAIL = 0x18,
	COUNT = 16, BUFFER = 2048, HALF = BUFFER / 2, FRAME = 60,
	RING_BYTES = COUNT * 16,
	LINK_UP = 0x40, ENABLE = 2, PROMISCUOUS = 0x18,
	/* Writes PHY_CTRL of the only PHY: loopback, 1000 Mbit/s, full duplex. */
	LOOPBACK = 0x04200000 | 0x4140,
	LAST_AND_REPORT = 0x09000000,
	DONE = 1,
	WAIT_MS = 400
};

struct desc {
	__le64 address;
	__le32 lower, upper;
};

static char *wrong = "";
module_param(wrong, charp, 0);

static void set_ring(void __iomem *hw, int base, dma_addr_t ring)
{
	writel(lower_32_bits(ring), hw + base);
	writel(upper_32_bits(ring), hw + base + HIGH);
	writel(RING_BYTES, hw + base + LENGTH);
	writel(0, hw + base + HEAD);
	writel(0, hw + base + TAIL);
}

/* Gives the card a descriptor for a frame to send. */
static void send(void __iomem *hw, struct desc *tx, int i, dma_addr_t buffer)
{
	tx[i].address = cpu_to_le64(buffer);
	tx[i].lower = cpu_to_le32(FRAME | LAST_AND_REPORT);
	writel(i + 1, hw + TDBAL + TAIL);
	msleep(WAIT_MS);
}

/* Gives the card a buffer. */
static void receive(void __iomem *hw, struct desc *rx, int i, dma_addr_t buffer)
{
	rx[i].address = cpu_to_le64(buffer);
	writel(i + 1, hw + RDBAL + TAIL);
}

static bool is_done(struct desc *desc)
{
	return le32_to_cpu(READ_ONCE(desc->upper)) & DONE;
}

static void send_one(struct pci_dev *pdev, void __iomem *hw)
{
	struct device *dev = &pdev->dev;
	dma_addr_t tx_ring, rx_ring, tx_dma, rx_dma;
	struct desc *tx = dma_alloc_coherent(dev, RING_BYTES, &tx_ring, GFP_KERNEL);
	struct desc *rx = dma_alloc_coherent(dev, RING_BYTES, &rx_ring, GFP_KERNEL);
	u8 *sent = kzalloc(BUFFER, GFP_KERNEL), *received = kzalloc(BUFFER, GFP_KERNEL);
	int i;

	memset(sent, 0xff, FRAME);
	tx_dma = dma_map_single(dev, sent, BUFFER, DMA_TO_DEVICE);
	rx_dma = dma_map_single(dev, received, BUFFER, DMA_FROM_DEVICE);
	writel(~0, hw + IMC);
	writel(LINK_UP, hw + CTRL);
	writel(LOOPBACK, hw + MDIC);
	set_ring(hw, TDBAL, tx_ring);
	set_ring(hw, RDBAL, rx_ring);
	writel(ENABLE | PROMISCUOUS, hw + RCTL);
	writel(ENABLE, hw + TCTL);
	/* For a second after the write of RCTL, QEMU's card takes no frame. */
	receive(hw, rx, 0, rx_dma);
	for (i = 0; i < COUNT - 2 && !is_done(&rx[0]); i++)
		send(hw, tx, i, tx_dma);
	/* The frame with the mistake, into the second half of the buffer. */
	receive(hw, rx, 1, HALF + (strcmp(wrong, "write") ? rx_dma : virt_to_phys(received)));
	send(hw, tx, i, strcmp(wrong, "read") ? tx_dma : virt_to_phys(sent));
	writel(0, hw + TCTL);
	writel(0, hw + RCTL);
	dma_unmap_single(dev, tx_dma, BUFFER, DMA_TO_DEVICE);
	dma_unmap_single(dev, rx_dma, BUFFER, DMA_FROM_DEVICE);
	pr_info("card: wrong=%s sent %d received %d byte %d\n", wrong,
		is_done(&tx[i]), is_done(&rx[1]), received[HALF]);
	kfree(sent);
	kfree(received);
	dma_free_coherent(dev, RING_BYTES, tx, tx_ring);
	dma_free_coherent(dev, RING_BYTES, rx, rx_ring);
}

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	void __iomem *hw;
	int err = pci_enable_device_mem(pdev);

	if (err)
		return err;
	pci_set_master(pdev);
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (err)
		return err;
	hw = pci_ioremap_bar(pdev, 0);
	if (!hw)
		return -EIO;
	send_one(pdev, hw);
	iounmap(hw);
	return 0;
}

static void card_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x8086, 0x100e) }, {} };
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver card_driver = {
	.name = "card",
	.id_table = ids,
	.probe = card_probe,
	.remove = card_remove,
};
module_pci_driver(card_driver);
MODULE_DESCRIPTION("One frame through both rings of a card");
MODULE_LICENSE("Dual MIT/GPL");
