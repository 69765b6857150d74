// SPDX-License-Identifier: MIT OR GPL-2.0
/* 6. The transmit timeout: a card that hangs up. */
#include <linux/timer.h>
#include "course.h"

static unsigned int delay = 1;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms that the board takes");

static unsigned int slots = 4;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in the tx ring");

static unsigned int timeout = 100;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "ms that a queue may be stopped");

static unsigned int lockup;
module_param(lockup, uint, 0644);
MODULE_PARM_DESC(lockup, "hang up at every Nth batch");

struct watch_priv {
	struct net_device *dev;
	struct sk_buff_head tx;
	struct timer_list alarm;
	spinlock_t lock; /* of the two below */
	bool busy, hangs;
	unsigned int batches; /* only the timer touches it */
	atomic_long_t aborted;
};

static struct net_device *watch_dev;

/* The driver has put frames into the tx ring. */
static void watch_kick(struct watch_priv *priv)
{
	spin_lock_bh(&priv->lock);
	if (!priv->busy && !priv->hangs)
		mod_timer(&priv->alarm, jiffies + msecs_to_jiffies(delay));
	priv->busy = true;
	spin_unlock_bh(&priv->lock);
}

/* The card: it sends each frame to itself, unless it hangs. */
static void watch_work(struct timer_list *alarm)
{
	struct watch_priv *priv = container_of(alarm, struct watch_priv, alarm);
	unsigned int every = READ_ONCE(lockup);
	struct sk_buff *skb;
	bool hangs;

	spin_lock(&priv->lock);
	priv->busy = false;
	priv->hangs = every > 0 && ++priv->batches % every == 0;
	hangs = priv->hangs;
	spin_unlock(&priv->lock);
	if (hangs)
		return;
	while ((skb = skb_dequeue(&priv->tx))) {
		course_swap(skb);
		course_received(skb, priv->dev);
		netif_rx(skb);
	}
	/* The room is visible before we look; pairs with the barrier in watch_start_xmit. */
	smp_mb();
	if (netif_queue_stopped(priv->dev))
		netif_wake_queue(priv->dev);
}

/* Makes the card work again, and drops what it has not sent. Returns how many frames. */
static unsigned int watch_reset(struct watch_priv *priv)
{
	unsigned int dropped = 0;
	struct sk_buff *skb;

	spin_lock_bh(&priv->lock);
	priv->busy = false;
	priv->hangs = false;
	spin_unlock_bh(&priv->lock);
	while ((skb = skb_dequeue(&priv->tx))) {
		dev_kfree_skb_any(skb);
		dropped++;
	}
	return dropped;
}

/* Called in softirq context with all queues frozen: it must not wait for the timer. */
static void watch_tx_timeout(struct net_device *dev, unsigned int queue)
{
	struct watch_priv *priv = netdev_priv(dev);

	atomic_long_add(watch_reset(priv), &priv->aborted);
	netif_tx_wake_queue(netdev_get_tx_queue(dev, queue));
}

static int watch_open(struct net_device *dev)
{
	netif_start_queue(dev);
	return 0;
}

static int watch_stop(struct net_device *dev)
{
	struct watch_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev);
	del_timer_sync(&priv->alarm);
	netif_tx_disable(dev);
	watch_reset(priv);
	return 0;
}

static netdev_tx_t watch_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct watch_priv *priv = netdev_priv(dev);

	if (!course_ip(skb))
		return course_drop(skb, dev);
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_queue_tail(&priv->tx, skb);
	if (skb_queue_len_lockless(&priv->tx) >= slots) {
		netif_stop_queue(dev);
		smp_mb__after_atomic();
		if (skb_queue_len_lockless(&priv->tx) < slots)
			netif_start_queue(dev);
	}
	watch_kick(priv);
	return NETDEV_TX_OK;
}

static void watch_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct watch_priv *priv = netdev_priv(dev);

	dev_get_tstats64(dev, stats);
	stats->tx_aborted_errors = atomic_long_read(&priv->aborted);
	stats->tx_errors += stats->tx_aborted_errors;
}

static const struct net_device_ops watch_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = watch_open,
	.ndo_stop = watch_stop,
	.ndo_start_xmit = watch_start_xmit,
	.ndo_tx_timeout = watch_tx_timeout,
	.ndo_get_stats64 = watch_get_stats64,
};

static void watch_setup(struct net_device *dev)
{
	course_setup(dev, &watch_ops);
	dev->watchdog_timeo = msecs_to_jiffies(timeout);
}

static int __init watch_module_init(void)
{
	struct watch_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024 || timeout < 1 || timeout > 60000)
		return -EINVAL;
	watch_dev = alloc_netdev(sizeof(*priv), "watch%d", NET_NAME_ENUM, watch_setup);
	if (!watch_dev)
		return -ENOMEM;
	priv = netdev_priv(watch_dev);
	priv->dev = watch_dev;
	spin_lock_init(&priv->lock);
	skb_queue_head_init(&priv->tx);
	timer_setup(&priv->alarm, watch_work, 0);
	err = register_netdev(watch_dev);
	if (err)
		free_netdev(watch_dev);
	return err;
}

static void __exit watch_module_exit(void)
{
	unregister_netdev(watch_dev);
	free_netdev(watch_dev);
}

module_init(watch_module_init);
module_exit(watch_module_exit);
MODULE_DESCRIPTION("a card that hangs up");
MODULE_LICENSE("Dual MIT/GPL");
