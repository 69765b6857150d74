// SPDX-License-Identifier: MIT OR GPL-2.0
/* 13. Two CPUs: a mirror with a delay, with a lock of its own. */
#include <linux/spinlock.h>
#include <linux/timer.h>
#include "course.h"

static unsigned int delay = 5;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms until a frame is back");

static unsigned int slots = 8;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in the ring with which the queue is stopped");

struct cpus_priv {
	struct net_device *dev;
	spinlock_t lock; /* of the ring */
	struct sk_buff_head ring;
	struct timer_list timer;
};

static struct net_device *cpus_dev;

static netdev_tx_t cpus_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct cpus_priv *priv = netdev_priv(dev);
	bool is_first;

	if (!course_ip(skb))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	/* Softirqs are off, so the timer does not interrupt this CPU. */
	spin_lock(&priv->lock);
	is_first = skb_queue_empty(&priv->ring);
	__skb_queue_tail(&priv->ring, skb);
	spin_unlock(&priv->lock);
	if (is_first)
		mod_timer(&priv->timer, jiffies + msecs_to_jiffies(delay));
	if (skb_queue_len_lockless(&priv->ring) >= slots) {
		netif_stop_queue(dev);
		/* The stop is visible before we look again; pairs with the barrier in cpus_expired. */
		smp_mb__after_atomic();
		if (skb_queue_len_lockless(&priv->ring) < slots)
			netif_wake_queue(dev);
	}
	return NETDEV_TX_OK;
}

/* The timer has expired: in softirq context, on any CPU. */
static void cpus_expired(struct timer_list *timer)
{
	struct cpus_priv *priv = container_of(timer, struct cpus_priv, timer);
	struct sk_buff_head taken;
	struct sk_buff *skb;

	__skb_queue_head_init(&taken);
	spin_lock(&priv->lock);
	skb_queue_splice_init(&priv->ring, &taken);
	spin_unlock(&priv->lock);
	while ((skb = __skb_dequeue(&taken))) {
		course_received(skb, priv->dev);
		netif_rx(skb);
	}
	/* The room is visible before we look whether the queue is stopped. */
	smp_mb();
	if (netif_queue_stopped(priv->dev))
		netif_wake_queue(priv->dev);
}

static int cpus_open(struct net_device *dev)
{
	netif_start_queue(dev);
	return 0;
}

static int cpus_stop(struct net_device *dev)
{
	struct cpus_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev); /* no transmission, so the timer is not armed again */
	del_timer_sync(&priv->timer); /* without the lock, which the timer takes */
	netif_tx_disable(dev); /* the timer may have woken the queue before it ended */
	spin_lock_bh(&priv->lock); /* in process context: _bh */
	__skb_queue_purge(&priv->ring);
	spin_unlock_bh(&priv->lock);
	return 0;
}

static const struct net_device_ops cpus_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = cpus_open,
	.ndo_stop = cpus_stop,
	.ndo_start_xmit = cpus_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void cpus_setup(struct net_device *dev)
{
	course_setup(dev, &cpus_ops);
}

static int __init cpus_module_init(void)
{
	struct cpus_priv *priv;
	int err;

	if (delay < 1 || delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	cpus_dev = alloc_netdev(sizeof(*priv), "cpus%d", NET_NAME_ENUM, cpus_setup);
	if (!cpus_dev)
		return -ENOMEM;
	priv = netdev_priv(cpus_dev);
	priv->dev = cpus_dev;
	spin_lock_init(&priv->lock);
	__skb_queue_head_init(&priv->ring);
	timer_setup(&priv->timer, cpus_expired, 0);
	err = register_netdev(cpus_dev);
	if (err)
		free_netdev(cpus_dev);
	return err;
}

static void __exit cpus_module_exit(void)
{
	unregister_netdev(cpus_dev); /* closes it */
	free_netdev(cpus_dev);
}

module_init(cpus_module_init);
module_exit(cpus_module_exit);
MODULE_DESCRIPTION("a mirror on two CPUs");
MODULE_LICENSE("Dual MIT/GPL");
