// SPDX-License-Identifier: MIT OR GPL-2.0
/* 24. The receive ring: memory that a card writes. */
#include "e1000.h"

static unsigned int ring_size = 256;
module_param(ring_size, uint, 0444);
MODULE_PARM_DESC(ring_size, "descriptors in each ring, a multiple of 8");

#define IMS_ENABLE_MASK (E1000_ICR_TXDW | E1000_ICR_RXT0 | E1000_ICR_LSC)
#define RX_BUFFER_LEN MAXIMUM_ETHERNET_VLAN_SIZE

/* The frame and the mapping of a descriptor. */
struct buffer {
	struct sk_buff *skb;
	dma_addr_t dma;
	unsigned int length;
};

struct ring {
	struct e1000_desc *desc;
	dma_addr_t dma; /* the address of desc for the card */
	struct buffer *buffers;
	unsigned int count;
	unsigned int next_to_use; /* the next descriptor that the driver fills */
	unsigned int next_to_clean; /* the next descriptor that the card completes */
};

struct rx_priv {
	struct net_device *dev;
	struct pci_dev *pdev;
	void __iomem *hw;
	struct napi_struct napi;
	struct ring tx, rx; /* from open to close */
};

static int setup_ring(struct rx_priv *priv, struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->count = e1000_ring_size(ring_size);
	ring->buffers = kcalloc(ring->count, sizeof(*ring->buffers), GFP_KERNEL);
	if (!ring->buffers)
		return -ENOMEM;
	ring->desc = dma_alloc_coherent(&priv->pdev->dev, ring->count * sizeof(*ring->desc), &ring->dma, GFP_KERNEL);
	if (!ring->desc) {
		kfree(ring->buffers);
		return -ENOMEM;
	}
	return 0;
}

static void free_ring(struct rx_priv *priv, struct ring *ring)
{
	dma_free_coherent(&priv->pdev->dev, ring->count * sizeof(*ring->desc), ring->desc, ring->dma);
	kfree(ring->buffers);
}

/*
 * The descriptors that the driver may fill, one less than are free: a full ring has the head and
 * the tail of an empty one. ndo_start_xmit and the poll look from two CPUs.
 */
static inline unsigned int desc_unused(struct ring *ring)
{
	unsigned int clean = smp_load_acquire(&ring->next_to_clean);

	return (clean + ring->count - READ_ONCE(ring->next_to_use) - 1) % ring->count;
}

static inline unsigned int next(struct ring *ring, unsigned int i)
{
	return i + 1 == ring->count ? 0 : i + 1;
}

/* Takes the frame of a descriptor back from the card. */
static inline struct sk_buff *unmap(struct rx_priv *priv, struct ring *ring, unsigned int i, enum dma_data_direction direction)
{
	struct buffer *buffer = &ring->buffers[i];
	struct sk_buff *skb = buffer->skb;

	dma_unmap_single(&priv->pdev->dev, buffer->dma, buffer->length, direction);
	buffer->skb = NULL;
	return skb;
}

static void configure_tx(struct rx_priv *priv)
{
	void __iomem *hw = priv->hw;

	writel(lower_32_bits(priv->tx.dma), hw + E1000_TDBAL);
	writel(upper_32_bits(priv->tx.dma), hw + E1000_TDBAH);
	writel(priv->tx.count * sizeof(struct e1000_desc), hw + E1000_TDLEN);
	writel(0, hw + E1000_TDH);
	writel(0, hw + E1000_TDT);
	writel(E1000_TCTL_EN | E1000_TCTL_PSP, hw + E1000_TCTL);
}

/* Gives the card its ring and its address, and turns its receiver on. */
static void configure_rx(struct rx_priv *priv)
{
	/* #todo 1: RAL and RAH; RDBAL, RDBAH, RDLEN, RDH, RDT; then RCTL with EN and BAM. */
	void __iomem *hw = priv->hw;
	const u8 *mac = priv->dev->dev_addr;

	writel(mac[0] | mac[1] << 8 | mac[2] << 16 | mac[3] << 24, hw + E1000_RAL);
	writel(mac[4] | mac[5] << 8 | E1000_RAH_AV, hw + E1000_RAH);
	writel(lower_32_bits(priv->rx.dma), hw + E1000_RDBAL);
	writel(upper_32_bits(priv->rx.dma), hw + E1000_RDBAH);
	writel(priv->rx.count * sizeof(struct e1000_desc), hw + E1000_RDLEN);
	writel(0, hw + E1000_RDH);
	writel(0, hw + E1000_RDT);
	writel(E1000_RCTL_EN | E1000_RCTL_BAM, hw + E1000_RCTL);
	/* #end */
}

/* Gives the card new buffers until its ring is full, or as many as there is memory for. */
static void alloc_rx_buffers(struct rx_priv *priv)
{
	/* #todo 2: for each unused descriptor a buffer, mapped, and its status 0; then RDT. */
	struct device *device = &priv->pdev->dev;
	struct ring *rx = &priv->rx;

	for (unsigned int left = desc_unused(rx); left > 0; left--) {
		struct sk_buff *skb = netdev_alloc_skb_ip_align(priv->dev, RX_BUFFER_LEN);
		unsigned int i = rx->next_to_use;
		dma_addr_t dma;

		if (!skb)
			break;
		dma = dma_map_single(device, skb->data, RX_BUFFER_LEN, DMA_FROM_DEVICE);
		if (dma_mapping_error(device, dma)) {
			dev_kfree_skb_any(skb);
			break;
		}
		rx->buffers[i] = (struct buffer){ skb, dma, RX_BUFFER_LEN };
		rx->desc[i] = (struct e1000_desc){ .buffer_addr = cpu_to_le64(dma) };
		rx->next_to_use = next(rx, i);
	}
	/* The card sees the descriptors before the tail. */
	writel(rx->next_to_use, priv->hw + E1000_RDT);
	/* #end */
}

/* Frees the frames that the card has not sent. It touches none of them any more. */
static void clean_tx_ring(struct rx_priv *priv)
{
	struct ring *tx = &priv->tx;

	for (unsigned int i = tx->next_to_clean; i != tx->next_to_use; i = next(tx, i)) {
		dev_core_stats_tx_dropped_inc(priv->dev);
		dev_kfree_skb_any(unmap(priv, tx, i, DMA_TO_DEVICE));
	}
}

/* Frees the buffers that the card has. It was reset. */
static void clean_rx_ring(struct rx_priv *priv)
{
	/* #todo 3: unmap and free each buffer from next_to_clean to next_to_use. */
	struct ring *rx = &priv->rx;

	for (unsigned int i = rx->next_to_clean; i != rx->next_to_use; i = next(rx, i))
		dev_kfree_skb_any(unmap(priv, rx, i, DMA_FROM_DEVICE));
	/* #end */
}

/* The kernel calls it for one frame at a time, beside the poll on another CPU. */
static netdev_tx_t rx_xmit_frame(struct sk_buff *skb, struct net_device *dev)
{
	struct rx_priv *priv = netdev_priv(dev);
	struct device *device = &priv->pdev->dev;
	struct ring *tx = &priv->tx;
	unsigned int i = tx->next_to_use;
	dma_addr_t dma;

	/* The poll may have woken a queue that was about to be full. */
	if (desc_unused(tx) == 0) {
		netif_stop_queue(dev);
		return NETDEV_TX_BUSY;
	}
	if (skb_put_padto(skb, ETH_ZLEN))
		return NETDEV_TX_OK;
	dma = dma_map_single(device, skb->data, skb->len, DMA_TO_DEVICE);
	if (dma_mapping_error(device, dma))
		return course_drop(skb, dev);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	tx->buffers[i] = (struct buffer){ skb, dma, skb->len };
	tx->desc[i] = (struct e1000_desc){
		.buffer_addr = cpu_to_le64(dma),
		.lower = cpu_to_le32(skb->len | E1000_TXD_CMD_EOP | E1000_TXD_CMD_IFCS | E1000_TXD_CMD_RS),
	};
	/* From here on the poll may look at the descriptor, which is not done. */
	smp_store_release(&tx->next_to_use, next(tx, i));
	if (desc_unused(tx) == 0) {
		netif_stop_queue(dev);
		/* The stop is visible before the next look; pairs with the barrier in clean_tx_irq. */
		smp_mb__after_atomic();
		if (desc_unused(tx) >= tx->count / 2)
			netif_start_queue(dev);
	}
	/* The card sees the descriptor before the tail. */
	writel(next(tx, i), priv->hw + E1000_TDT);
	return NETDEV_TX_OK;
}

/* Frees the frames that the card has sent, and wakes the queue if it has room again. */
static void clean_tx_irq(struct rx_priv *priv, int budget)
{
	struct ring *tx = &priv->tx;
	unsigned int i = tx->next_to_clean;

	while (i != smp_load_acquire(&tx->next_to_use)) {
		if (!(le32_to_cpu(READ_ONCE(tx->desc[i].upper)) & E1000_TXD_STAT_DD))
			break;
		dma_rmb();
		napi_consume_skb(unmap(priv, tx, i, DMA_TO_DEVICE), budget);
		i = next(tx, i);
	}
	/* From here on ndo_start_xmit may use the descriptors again. */
	smp_store_release(&tx->next_to_clean, i);
	/* The room is visible before the look at the queue; pairs with the barrier in rx_xmit_frame. */
	smp_mb();
	if (netif_queue_stopped(priv->dev) && desc_unused(tx) >= tx->count / 2)
		netif_wake_queue(priv->dev);
}

/* Gives the kernel the frames that the card has received. Returns how many. */
static int clean_rx_irq(struct rx_priv *priv, int budget)
{
	/* #todo 4: from next_to_clean on, while DD is set: the length, the frame, napi_gro_receive. */
	/* #todo 5: give the card new buffers. */
	/* #skeleton return 0; */
	struct ring *rx = &priv->rx;
	int work = 0;

	while (work < budget && rx->next_to_clean != rx->next_to_use) {
		unsigned int i = rx->next_to_clean, length;
		struct e1000_desc *desc = &rx->desc[i];
		struct sk_buff *skb;

		if (!(le32_to_cpu(READ_ONCE(desc->upper)) & E1000_RXD_STAT_DD))
			break;
		dma_rmb(); /* the length is read after the status */
		length = (le32_to_cpu(desc->lower) & 0xffff) - ETH_FCS_LEN;
		skb = unmap(priv, rx, i, DMA_FROM_DEVICE);
		rx->next_to_clean = next(rx, i);
		skb_put(skb, length);
		dev_sw_netstats_rx_add(priv->dev, length);
		skb->protocol = eth_type_trans(skb, priv->dev);
		napi_gro_receive(&priv->napi, skb);
		work++;
	}
	if (work > 0)
		alloc_rx_buffers(priv);
	return work;
	/* #end */
}

static void check_for_link(struct rx_priv *priv)
{
	if (readl(priv->hw + E1000_STATUS) & E1000_STATUS_LU)
		netif_carrier_on(priv->dev);
	else
		netif_carrier_off(priv->dev);
}

/* In hardirq context. The line is shared. */
static irqreturn_t rx_intr(int irq, void *data)
{
	struct rx_priv *priv = netdev_priv((struct net_device *)data);
	u32 icr = readl(priv->hw + E1000_ICR);

	if (icr == 0 || icr == ~0u) /* another card; or no card replies any more */
		return IRQ_NONE;
	writel(~0, priv->hw + E1000_IMC);
	napi_schedule(&priv->napi);
	if (icr & E1000_ICR_LSC)
		check_for_link(priv);
	return IRQ_HANDLED;
}

static int rx_poll(struct napi_struct *napi, int budget)
{
	struct rx_priv *priv = container_of(napi, struct rx_priv, napi);
	int work;

	clean_tx_irq(priv, budget);
	work = clean_rx_irq(priv, budget);
	/* #todo 4: only a poll that has taken fewer frames than its budget completes, and unmasks. */
	/* #skeleton if (napi_complete_done(napi, work)) */
	/* #skeleton 	writel(IMS_ENABLE_MASK, priv->hw + E1000_IMS); */
	if (work < budget && napi_complete_done(napi, work))
		writel(IMS_ENABLE_MASK, priv->hw + E1000_IMS);
	/* #end */
	return work;
}

static int rx_open(struct net_device *dev)
{
	struct rx_priv *priv = netdev_priv(dev);
	int err = setup_ring(priv, &priv->tx);

	if (err)
		return err;
	err = setup_ring(priv, &priv->rx);
	if (err)
		goto free_tx;
	configure_tx(priv);
	configure_rx(priv);
	alloc_rx_buffers(priv);
	napi_enable(&priv->napi); /* before the first interrupt */
	err = request_irq(priv->pdev->irq, rx_intr, IRQF_SHARED, dev->name, dev);
	if (err)
		goto stop;
	netif_start_queue(dev);
	writel(IMS_ENABLE_MASK, priv->hw + E1000_IMS);
	writel(readl(priv->hw + E1000_CTRL) | E1000_CTRL_SLU, priv->hw + E1000_CTRL);
	check_for_link(priv); /* QEMU's card has a link already, and does not interrupt */
	return 0;

stop:
	napi_disable(&priv->napi);
	e1000_reset_hw(priv->hw);
	clean_rx_ring(priv);
	free_ring(priv, &priv->rx);
free_tx:
	free_ring(priv, &priv->tx);
	return err;
}

static int rx_close(struct net_device *dev)
{
	struct rx_priv *priv = netdev_priv(dev);

	free_irq(priv->pdev->irq, dev); /* no interrupt, so no new poll */
	netif_carrier_off(dev);
	napi_disable(&priv->napi); /* no poll, so no wake */
	netif_tx_disable(dev); /* no ndo_start_xmit */
	e1000_reset_hw(priv->hw);
	clean_tx_ring(priv);
	clean_rx_ring(priv);
	free_ring(priv, &priv->tx);
	free_ring(priv, &priv->rx);
	return 0;
}

static const struct net_device_ops rx_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = rx_open,
	.ndo_stop = rx_close,
	.ndo_start_xmit = rx_xmit_frame,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void rx_setup(struct net_device *dev)
{
	course_setup(dev, &rx_ops);
}

static int rx_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct net_device *dev;
	struct rx_priv *priv;
	u8 mac[ETH_ALEN];
	int err = pci_enable_device_mem(pdev);

	if (err)
		return err;
	err = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (err)
		goto disable;
	pci_set_master(pdev);
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (err)
		goto release;
	err = -ENOMEM;
	dev = alloc_netdev(sizeof(*priv), "rx%d", NET_NAME_ENUM, rx_setup);
	if (!dev)
		goto release;
	SET_NETDEV_DEV(dev, &pdev->dev);
	pci_set_drvdata(pdev, dev);
	priv = netdev_priv(dev);
	priv->dev = dev;
	priv->pdev = pdev;
	err = -EIO;
	priv->hw = pci_ioremap_bar(pdev, 0);
	if (!priv->hw)
		goto free_dev;
	e1000_reset_hw(priv->hw);
	err = e1000_read_mac(priv->hw, mac);
	if (err)
		goto unmap_bar;
	eth_hw_addr_set(dev, mac);
	netif_napi_add(dev, &priv->napi, rx_poll);
	netif_carrier_off(dev);
	err = register_netdev(dev);
	if (err)
		goto unmap_bar;
	return 0;

unmap_bar:
	iounmap(priv->hw);
free_dev:
	free_netdev(dev);
release:
	pci_release_mem_regions(pdev);
disable:
	pci_disable_device(pdev);
	return err;
}

static void rx_remove(struct pci_dev *pdev)
{
	struct net_device *dev = pci_get_drvdata(pdev);
	struct rx_priv *priv = netdev_priv(dev);

	unregister_netdev(dev); /* closes it */
	iounmap(priv->hw);
	free_netdev(dev);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
}

static const struct pci_device_id rx_ids[] = { { PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x100e) }, {} };
MODULE_DEVICE_TABLE(pci, rx_ids);

static struct pci_driver rx_driver = {
	.name = KBUILD_MODNAME,
	.id_table = rx_ids,
	.probe = rx_probe,
	.remove = rx_remove,
};

module_pci_driver(rx_driver);
MODULE_DESCRIPTION("the receive ring of a card");
MODULE_LICENSE("Dual MIT/GPL");
