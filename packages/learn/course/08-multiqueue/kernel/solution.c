// SPDX-License-Identifier: MIT OR GPL-2.0
/* 8. Several queues: a mirror in which each queue has its own ring and timer. */
#include <linux/ethtool.h>
#include <linux/timer.h>
#include "course.h"

#define QUEUES 4

static unsigned int delay = 1;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms until a frame is back");

static unsigned int slots = 64;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in each ring");

#define LANE_BUSY 0 /* a bit of state: the timer is armed */

/*
 * What belongs to one queue, on cache lines of its own: other CPUs use other lanes. The transmit
 * counters belong to the transmission, which the queue's lock protects, those of receiving to the
 * timer.
 */
struct lane {
	struct net_device *dev;
	struct sk_buff_head ring;
	struct timer_list alarm;
	unsigned long state;
	unsigned int queue;
	u64 tx_packets, tx_bytes, tx_dropped;
	u64 rx_packets, rx_bytes, rx_dropped;
} ____cacheline_aligned_in_smp;

struct mq_priv {
	struct lane lanes[QUEUES];
};

static struct net_device *mq_dev;

static netdev_tx_t mq_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	u16 queue = skb_get_queue_mapping(skb);
	struct lane *lane = &((struct mq_priv *)netdev_priv(dev))->lanes[queue];
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue);

	if (!course_ip(skb))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb);
	lane->tx_packets++;
	lane->tx_bytes += skb->len;
	skb_queue_tail(&lane->ring, skb);
	if (skb_queue_len_lockless(&lane->ring) >= slots) {
		netif_tx_stop_queue(txq);
		smp_mb__after_atomic();
		if (skb_queue_len_lockless(&lane->ring) < slots)
			netif_tx_start_queue(txq);
	}
	if (!test_and_set_bit(LANE_BUSY, &lane->state))
		mod_timer(&lane->alarm, jiffies + msecs_to_jiffies(delay));
	return NETDEV_TX_OK;
}

static void lane_arrived(struct timer_list *alarm)
{
	struct lane *lane = container_of(alarm, struct lane, alarm);
	struct netdev_queue *txq = netdev_get_tx_queue(lane->dev, lane->queue);
	struct sk_buff *skb;
	unsigned int len;
	int n;

	clear_bit(LANE_BUSY, &lane->state);
	smp_mb__after_atomic();
	/* Not what is added meanwhile: it waits for the timer, which is armed again then. */
	for (n = skb_queue_len_lockless(&lane->ring); n > 0 && (skb = skb_dequeue(&lane->ring)); n--) {
		len = skb->len;
		skb_scrub_packet(skb, false);
		skb->tstamp = 0;
		skb->protocol = eth_type_trans(skb, lane->dev);
		skb_record_rx_queue(skb, lane->queue); /* skb_tx_hash sends a forwarded frame by it */
		if (netif_rx(skb) == NET_RX_SUCCESS) {
			lane->rx_packets++;
			lane->rx_bytes += len;
		} else {
			lane->rx_dropped++;
		}
	}
	smp_mb();
	if (netif_tx_queue_stopped(txq))
		netif_tx_wake_queue(txq);
}

static int mq_open(struct net_device *dev)
{
	netif_tx_start_all_queues(dev);
	return 0;
}

static int mq_stop(struct net_device *dev)
{
	struct mq_priv *priv = netdev_priv(dev);
	struct sk_buff *skb;

	netif_tx_disable(dev); /* all queues */
	for (struct lane *lane = priv->lanes; lane < priv->lanes + QUEUES; lane++)
		del_timer_sync(&lane->alarm);
	netif_tx_disable(dev); /* a timer may have woken one */
	for (struct lane *lane = priv->lanes; lane < priv->lanes + QUEUES; lane++) {
		lane->state = 0;
		while ((skb = skb_dequeue(&lane->ring))) {
			lane->tx_dropped++;
			dev_kfree_skb(skb);
		}
	}
	return 0;
}

static void mq_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct mq_priv *priv = netdev_priv(dev);

	for (struct lane *lane = priv->lanes; lane < priv->lanes + QUEUES; lane++) {
		stats->tx_packets += READ_ONCE(lane->tx_packets);
		stats->tx_bytes += READ_ONCE(lane->tx_bytes);
		stats->tx_dropped += READ_ONCE(lane->tx_dropped);
		stats->rx_packets += READ_ONCE(lane->rx_packets);
		stats->rx_bytes += READ_ONCE(lane->rx_bytes);
		stats->rx_dropped += READ_ONCE(lane->rx_dropped);
	}
}

/* The counters of queues: `ethtool -S`. */
static const char *const names[] = {
	"tx_queue_%u_packets", "tx_queue_%u_dropped", "rx_queue_%u_packets", "rx_queue_%u_dropped",
};

static int mq_get_sset_count(struct net_device *dev, int set)
{
	return set == ETH_SS_STATS ? QUEUES * ARRAY_SIZE(names) : -EOPNOTSUPP;
}

static void mq_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	for (unsigned int queue = 0; queue < QUEUES; queue++)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			ethtool_sprintf(&data, names[i], queue);
}

static void mq_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats, u64 *data)
{
	struct mq_priv *priv = netdev_priv(dev);

	for (struct lane *lane = priv->lanes; lane < priv->lanes + QUEUES; lane++) {
		*data++ = READ_ONCE(lane->tx_packets);
		*data++ = READ_ONCE(lane->tx_dropped);
		*data++ = READ_ONCE(lane->rx_packets);
		*data++ = READ_ONCE(lane->rx_dropped);
	}
}

static const struct ethtool_ops mq_ethtool_ops = {
	.get_sset_count = mq_get_sset_count,
	.get_strings = mq_get_strings,
	.get_ethtool_stats = mq_get_ethtool_stats,
};

static const struct net_device_ops mq_ops = {
	.ndo_open = mq_open,
	.ndo_stop = mq_stop,
	.ndo_start_xmit = mq_start_xmit,
	.ndo_get_stats64 = mq_get_stats64,
};

static void mq_setup(struct net_device *dev)
{
	course_setup(dev, &mq_ops);
	dev->ethtool_ops = &mq_ethtool_ops;
}

static int __init mq_module_init(void)
{
	struct mq_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	mq_dev = alloc_netdev_mqs(sizeof(*priv), "mq%d", NET_NAME_ENUM, mq_setup, QUEUES, QUEUES);
	if (!mq_dev)
		return -ENOMEM;
	priv = netdev_priv(mq_dev);
	for (unsigned int queue = 0; queue < QUEUES; queue++) {
		struct lane *lane = &priv->lanes[queue];

		lane->dev = mq_dev;
		lane->queue = queue;
		skb_queue_head_init(&lane->ring);
		timer_setup(&lane->alarm, lane_arrived, 0);
	}
	err = register_netdev(mq_dev);
	if (err)
		free_netdev(mq_dev);
	return err;
}

static void __exit mq_module_exit(void)
{
	unregister_netdev(mq_dev);
	free_netdev(mq_dev);
}

module_init(mq_module_init);
module_exit(mq_module_exit);
MODULE_DESCRIPTION("a mirror with several queues");
MODULE_LICENSE("Dual MIT/GPL");
