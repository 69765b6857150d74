// SPDX-License-Identifier: MIT OR GPL-2.0
/* 23. The transmit ring: memory that a card reads. */
#include "e1000.h"

static unsigned int ring_size = 256;
module_param(ring_size, uint, 0444);
MODULE_PARM_DESC(ring_size, "descriptors in the ring, a multiple of 8");

#define IMS_ENABLE_MASK (E1000_ICR_TXDW | E1000_ICR_LSC)

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

struct tx_priv {
	struct net_device *dev;
	struct pci_dev *pdev;
	void __iomem *hw;
	struct napi_struct napi;
	struct ring tx; /* from open to close */
};

static int setup_ring(struct tx_priv *priv, struct ring *ring)
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

static void free_ring(struct tx_priv *priv, struct ring *ring)
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
static inline struct sk_buff *unmap(struct tx_priv *priv, unsigned int i)
{
	struct buffer *buffer = &priv->tx.buffers[i];
	struct sk_buff *skb = buffer->skb;

	dma_unmap_single(&priv->pdev->dev, buffer->dma, buffer->length, DMA_TO_DEVICE);
	buffer->skb = NULL;
	return skb;
}

static void configure_tx(struct tx_priv *priv)
{
	/* TODO 1: TDBAL, TDBAH, TDLEN, TDH, TDT; then TCTL with EN and PSP. */
}

/* Frees the frames that the card has not sent. It touches none of them any more. */
static void clean_tx_ring(struct tx_priv *priv)
{
	/* TODO 5: unmap and free each frame from next_to_clean to next_to_use. */
}

/* The kernel calls it for one frame at a time, beside the poll on another CPU. */
static netdev_tx_t tx_xmit_frame(struct sk_buff *skb, struct net_device *dev)
{
	/* TODO 4: a ring without a descriptor takes no frame: NETDEV_TX_BUSY. */
	if (skb_put_padto(skb, ETH_ZLEN))
		return NETDEV_TX_OK;
	/* TODO 2: map the frame, fill the descriptor at next_to_use, and move the tail. */
	return course_drop(skb, dev);
	/* TODO 4: stop the queue if no descriptor is left. */
}

/* Frees the frames that the card has sent, and wakes the queue if it has room again. */
static void clean_tx_irq(struct tx_priv *priv, int budget)
{
	/* TODO 3: from next_to_clean on, while DD is set. */
	/* TODO 4: wake the queue if it is stopped and half of the ring is free. */
}

static void check_for_link(struct tx_priv *priv)
{
	if (readl(priv->hw + E1000_STATUS) & E1000_STATUS_LU)
		netif_carrier_on(priv->dev);
	else
		netif_carrier_off(priv->dev);
}

/* In hardirq context. The line is shared. */
static irqreturn_t tx_intr(int irq, void *data)
{
	struct tx_priv *priv = netdev_priv((struct net_device *)data);
	u32 icr = readl(priv->hw + E1000_ICR);

	if (icr == 0 || icr == ~0u) /* another card; or no card replies any more */
		return IRQ_NONE;
	writel(~0, priv->hw + E1000_IMC);
	napi_schedule(&priv->napi);
	if (icr & E1000_ICR_LSC)
		check_for_link(priv);
	return IRQ_HANDLED;
}

static int tx_poll(struct napi_struct *napi, int budget)
{
	struct tx_priv *priv = container_of(napi, struct tx_priv, napi);

	clean_tx_irq(priv, budget);
	/* TODO 3: complete the poll, and let the card interrupt again. */
	napi_complete_done(napi, 0);
	return 0;
}

static int tx_open(struct net_device *dev)
{
	struct tx_priv *priv = netdev_priv(dev);
	int err = setup_ring(priv, &priv->tx);

	if (err)
		return err;
	configure_tx(priv);
	napi_enable(&priv->napi); /* before the first interrupt */
	err = request_irq(priv->pdev->irq, tx_intr, IRQF_SHARED, dev->name, dev);
	if (err) {
		napi_disable(&priv->napi);
		e1000_reset_hw(priv->hw);
		free_ring(priv, &priv->tx);
		return err;
	}
	netif_start_queue(dev);
	writel(IMS_ENABLE_MASK, priv->hw + E1000_IMS);
	writel(readl(priv->hw + E1000_CTRL) | E1000_CTRL_SLU, priv->hw + E1000_CTRL);
	check_for_link(priv); /* QEMU's card has a link already, and does not interrupt */
	return 0;
}

static int tx_close(struct net_device *dev)
{
	struct tx_priv *priv = netdev_priv(dev);

	free_irq(priv->pdev->irq, dev); /* no interrupt, so no new poll */
	netif_carrier_off(dev);
	napi_disable(&priv->napi); /* no poll, so no wake */
	netif_tx_disable(dev); /* no ndo_start_xmit */
	/* TODO 5: stop the card before. */
	clean_tx_ring(priv);
	free_ring(priv, &priv->tx);
	return 0;
}

static const struct net_device_ops tx_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = tx_open,
	.ndo_stop = tx_close,
	.ndo_start_xmit = tx_xmit_frame,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void tx_setup(struct net_device *dev)
{
	course_setup(dev, &tx_ops);
}

static int tx_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct net_device *dev;
	struct tx_priv *priv;
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
	dev = alloc_netdev(sizeof(*priv), "tx%d", NET_NAME_ENUM, tx_setup);
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
	netif_napi_add(dev, &priv->napi, tx_poll);
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

static void tx_remove(struct pci_dev *pdev)
{
	struct net_device *dev = pci_get_drvdata(pdev);
	struct tx_priv *priv = netdev_priv(dev);

	unregister_netdev(dev); /* closes it */
	iounmap(priv->hw);
	free_netdev(dev);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
}

static const struct pci_device_id tx_ids[] = { { PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x100e) }, {} };
MODULE_DEVICE_TABLE(pci, tx_ids);

static struct pci_driver tx_driver = {
	.name = KBUILD_MODNAME,
	.id_table = tx_ids,
	.probe = tx_probe,
	.remove = tx_remove,
};

module_pci_driver(tx_driver);
MODULE_DESCRIPTION("the transmit ring of a card");
MODULE_LICENSE("Dual MIT/GPL");
