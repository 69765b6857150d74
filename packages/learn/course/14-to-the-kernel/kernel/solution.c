// SPDX-License-Identifier: MIT OR GPL-2.0
/* 14. To the kernel: a mirror that takes memory and an interrupt, and gives them back. */
#include <linux/log2.h>
#include <linux/slab.h>
#include "card.h"

static unsigned int delay = 5;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms that the card takes");

static unsigned int slots = 8;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in the ring");

struct descriptor {
	struct sk_buff *skb;
};

/* Frame n is in slots[n % slots]. */
struct ported_priv {
	struct card card; /* only its interrupt is used */
	struct kmem_cache *cache;
	struct descriptor **slots;
	unsigned int head, tail; /* of the transmission, and of the handler */
};

static struct net_device *ported_dev;

/* The oldest frame, without its descriptor; NULL if there is none. */
static struct sk_buff *ported_take(struct ported_priv *priv)
{
	unsigned int tail = priv->tail;
	struct descriptor *descriptor;
	struct sk_buff *skb;

	/* Pairs with the release in ported_start_xmit: the slot was written before. */
	if (tail == smp_load_acquire(&priv->head))
		return NULL;
	descriptor = priv->slots[tail % slots];
	skb = descriptor->skb;
	kmem_cache_free(priv->cache, descriptor);
	/* The slot was read before it is free. */
	smp_store_release(&priv->tail, tail + 1);
	return skb;
}

/* In hardirq context. */
static irqreturn_t ported_interrupt(int irq, void *data)
{
	struct net_device *dev = data;
	struct ported_priv *priv = netdev_priv(dev);
	struct sk_buff *skb;

	if (card_acknowledge(&priv->card) == 0)
		return IRQ_NONE;
	while ((skb = ported_take(priv))) {
		course_swap(skb);
		course_received(skb, dev);
		netif_rx(skb);
	}
	/* The room is visible before we look whether the queue is stopped. */
	smp_mb();
	if (netif_queue_stopped(dev))
		netif_wake_queue(dev);
	return IRQ_HANDLED;
}

/* Each label undoes one step, the last first. */
static int ported_open(struct net_device *dev)
{
	struct ported_priv *priv = netdev_priv(dev);
	int err = -ENOMEM;

	priv->cache = kmem_cache_create("ported", sizeof(struct descriptor), 0, 0, NULL);
	if (!priv->cache)
		return err;
	priv->slots = kcalloc(slots, sizeof(*priv->slots), GFP_KERNEL);
	if (!priv->slots)
		goto destroy_cache;
	priv->head = 0;
	priv->tail = 0;
	err = request_irq(priv->card.irq, ported_interrupt, IRQF_SHARED, dev->name, dev);
	if (err)
		goto free_slots;
	netif_start_queue(dev);
	return 0;

free_slots:
	kfree(priv->slots);
destroy_cache:
	kmem_cache_destroy(priv->cache);
	return err;
}

static int ported_stop(struct net_device *dev)
{
	struct ported_priv *priv = netdev_priv(dev);
	struct sk_buff *skb;

	netif_tx_disable(dev);
	free_irq(priv->card.irq, dev); /* waits for the handler */
	netif_tx_disable(dev); /* which may have woken the queue */
	card_reset(&priv->card);
	while ((skb = ported_take(priv))) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb(skb);
	}
	kfree(priv->slots);
	kmem_cache_destroy(priv->cache);
	return 0;
}

static unsigned int ported_used(struct ported_priv *priv)
{
	return priv->head - READ_ONCE(priv->tail);
}

static netdev_tx_t ported_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ported_priv *priv = netdev_priv(dev);
	struct descriptor *descriptor;

	/* A late wake-up may have started a queue that is full. */
	if (ported_used(priv) >= slots) {
		netif_stop_queue(dev);
		smp_mb__after_atomic();
		if (ported_used(priv) >= slots)
			return NETDEV_TX_BUSY;
		netif_start_queue(dev);
	}
	if (!course_ip(skb))
		return course_drop(skb, dev);
	descriptor = kmem_cache_alloc(priv->cache, GFP_ATOMIC);
	if (!descriptor) {
		dev_core_stats_tx_dropped_inc(dev);
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return NETDEV_TX_OK;
	}
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	descriptor->skb = skb;
	priv->slots[priv->head % slots] = descriptor;
	smp_store_release(&priv->head, priv->head + 1);
	if (ported_used(priv) >= slots) {
		netif_stop_queue(dev);
		/* The stop is visible before we look again; pairs with the barrier in the handler. */
		smp_mb__after_atomic();
		if (ported_used(priv) < slots)
			netif_start_queue(dev);
	}
	card_kick(&priv->card); /* does nothing if the card works already */
	return NETDEV_TX_OK;
}

static const struct net_device_ops ported_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = ported_open,
	.ndo_stop = ported_stop,
	.ndo_start_xmit = ported_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void ported_setup(struct net_device *dev)
{
	course_setup(dev, &ported_ops);
}

static int __init ported_module_init(void)
{
	struct ported_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	slots = roundup_pow_of_two(slots); /* so that n % slots is right when n wraps */
	ported_dev = alloc_netdev(sizeof(*priv), "ported%d", NET_NAME_ENUM, ported_setup);
	if (!ported_dev)
		return -ENOMEM;
	priv = netdev_priv(ported_dev);
	err = card_init(&priv->card, delay, slots, 0);
	if (err)
		goto free_dev;
	err = register_netdev(ported_dev);
	if (err)
		goto exit_card;
	return 0;

exit_card:
	card_exit(&priv->card);
free_dev:
	free_netdev(ported_dev);
	return err;
}

static void __exit ported_module_exit(void)
{
	struct ported_priv *priv = netdev_priv(ported_dev);

	unregister_netdev(ported_dev); /* closes it */
	card_exit(&priv->card);
	free_netdev(ported_dev);
}

module_init(ported_module_init);
module_exit(ported_module_exit);
MODULE_DESCRIPTION("a mirror as a module has it");
MODULE_LICENSE("Dual MIT/GPL");
