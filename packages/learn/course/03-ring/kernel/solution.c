// SPDX-License-Identifier: MIT OR GPL-2.0
/* 3. A ring: a mirror with a delay. */
#include <linux/timer.h>
#include "course.h"

static unsigned int delay = 10;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms until a frame is back");

static unsigned int slots = 8;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in the ring");

#define RING_BUSY 0 /* a bit of state: the timer is armed */

struct ring_priv {
	struct net_device *dev;
	struct sk_buff_head ring; /* has a lock of its own */
	struct timer_list alarm;
	unsigned long state;
};

static struct net_device *ring_dev;

static int ring_open(struct net_device *dev)
{
	netif_start_queue(dev);
	return 0;
}

static int ring_stop(struct net_device *dev)
{
	struct ring_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev); /* waits for a transmission on another CPU */
	del_timer_sync(&priv->alarm); /* waits for the timer */
	/* It may have woken the queue before it ended. */
	netif_tx_disable(dev);
	priv->state = 0;
	skb_queue_purge(&priv->ring);
	return 0;
}

static netdev_tx_t ring_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ring_priv *priv = netdev_priv(dev);

	if (!course_ip(skb) || !ether_addr_equal(skb->data, dev->dev_addr))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb); /* its sender need not wait for the delay */
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_queue_tail(&priv->ring, skb);
	if (skb_queue_len_lockless(&priv->ring) >= slots) {
		netif_stop_queue(dev);
		/* The stop is visible before we look again; pairs with the barrier in ring_arrived. */
		smp_mb__after_atomic();
		if (skb_queue_len_lockless(&priv->ring) < slots)
			netif_start_queue(dev);
	}
	if (!test_and_set_bit(RING_BUSY, &priv->state))
		mod_timer(&priv->alarm, jiffies + msecs_to_jiffies(delay));
	return NETDEV_TX_OK;
}

/* The timer rings. */
static void ring_arrived(struct timer_list *alarm)
{
	struct ring_priv *priv = container_of(alarm, struct ring_priv, alarm);
	struct sk_buff_head due;
	struct sk_buff *skb;
	unsigned long flags;

	__skb_queue_head_init(&due);
	clear_bit(RING_BUSY, &priv->state);
	/* A frame that found the bit set is in the ring before we look. */
	smp_mb__after_atomic();
	spin_lock_irqsave(&priv->ring.lock, flags);
	skb_queue_splice_init(&priv->ring, &due);
	spin_unlock_irqrestore(&priv->ring.lock, flags);
	while ((skb = __skb_dequeue(&due))) {
		course_received(skb, priv->dev);
		netif_rx(skb);
	}
	/* The room is visible before we look whether the queue is stopped. */
	smp_mb();
	if (netif_queue_stopped(priv->dev))
		netif_wake_queue(priv->dev);
}

static const struct net_device_ops ring_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = ring_open,
	.ndo_stop = ring_stop,
	.ndo_start_xmit = ring_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void ring_setup(struct net_device *dev)
{
	course_setup(dev, &ring_ops);
}

static int __init ring_module_init(void)
{
	struct ring_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	ring_dev = alloc_netdev(sizeof(*priv), "ring%d", NET_NAME_ENUM, ring_setup);
	if (!ring_dev)
		return -ENOMEM;
	priv = netdev_priv(ring_dev);
	priv->dev = ring_dev;
	skb_queue_head_init(&priv->ring);
	timer_setup(&priv->alarm, ring_arrived, 0);
	err = register_netdev(ring_dev);
	if (err)
		free_netdev(ring_dev);
	return err;
}

static void __exit ring_module_exit(void)
{
	unregister_netdev(ring_dev); /* closes it */
	free_netdev(ring_dev);
}

module_init(ring_module_init);
module_exit(ring_module_exit);
MODULE_DESCRIPTION("a mirror with a delay");
MODULE_LICENSE("Dual MIT/GPL");
