// SPDX-License-Identifier: MIT OR GPL-2.0
/* 11. Statistics: a card that loses frames. */
#include "course.h"

/* The card's status of a frame: sent after a collision; not sent; came back damaged. */
#define CARD_COLLISION 1
#define CARD_ABORTED 2
#define CARD_DAMAGED 4
#define CARD_NO_POWER 0xffff /* all bits are 1 without power */

static unsigned int noise;
module_param(noise, uint, 0444);
MODULE_PARM_DESC(noise, "damage every Nth frame");

struct stat_priv {
	/* The card. */
	bool is_on;
	unsigned int frames;
	atomic_t missed_register;
	/* The driver's counters. */
	atomic_long_t missed, collisions, aborted, damaged;
};

static struct net_device *stat_dev;

static unsigned int card_exchange(struct stat_priv *priv)
{
	priv->frames++;
	return noise && priv->frames % noise == 0 ? CARD_DAMAGED : 0;
}

/* Frames that the card missed since this was last read. */
static unsigned int card_read_missed(struct stat_priv *priv)
{
	return READ_ONCE(priv->is_on) ? atomic_xchg(&priv->missed_register, 0) : CARD_NO_POWER;
}

static int stat_open(struct net_device *dev)
{
	struct stat_priv *priv = netdev_priv(dev);

	WRITE_ONCE(priv->is_on, true);
	netif_start_queue(dev);
	return 0;
}

static int stat_stop(struct net_device *dev)
{
	struct stat_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev);
	/* Before the power goes. */
	atomic_long_add(card_read_missed(priv), &priv->missed);
	WRITE_ONCE(priv->is_on, false);
	return 0;
}

static netdev_tx_t stat_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct stat_priv *priv = netdev_priv(dev);
	unsigned int bits;

	if (!course_ip(skb) || !ether_addr_equal(skb->data, dev->dev_addr))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb);
	bits = card_exchange(priv);
	if (bits & CARD_COLLISION)
		atomic_long_inc(&priv->collisions);
	if (bits & CARD_ABORTED) {
		atomic_long_inc(&priv->aborted);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	if (bits & CARD_DAMAGED) {
		atomic_long_inc(&priv->damaged);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	course_received(skb, dev);
	netif_rx(skb);
	return NETDEV_TX_OK;
}

/* Called at any moment, also while the interface is down: the card has no power then. */
static void stat_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct stat_priv *priv = netdev_priv(dev);

	dev_get_tstats64(dev, stats);
	if (netif_running(dev) && READ_ONCE(priv->is_on))
		atomic_long_add(atomic_xchg(&priv->missed_register, 0), &priv->missed);
	stats->rx_missed_errors += atomic_long_read(&priv->missed);
	stats->collisions += atomic_long_read(&priv->collisions);
	stats->tx_aborted_errors += atomic_long_read(&priv->aborted);
	stats->tx_errors += atomic_long_read(&priv->aborted);
	stats->rx_crc_errors += atomic_long_read(&priv->damaged);
	stats->rx_errors += atomic_long_read(&priv->damaged);
}

static const struct net_device_ops stat_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = stat_open,
	.ndo_stop = stat_stop,
	.ndo_start_xmit = stat_start_xmit,
	.ndo_get_stats64 = stat_get_stats64,
};

static void stat_setup(struct net_device *dev)
{
	course_setup(dev, &stat_ops);
}

static int __init stat_module_init(void)
{
	int err;

	stat_dev = alloc_netdev(sizeof(struct stat_priv), "stat%d", NET_NAME_ENUM, stat_setup);
	if (!stat_dev)
		return -ENOMEM;
	err = register_netdev(stat_dev);
	if (err)
		free_netdev(stat_dev);
	return err;
}

static void __exit stat_module_exit(void)
{
	unregister_netdev(stat_dev);
	free_netdev(stat_dev);
}

module_init(stat_module_init);
module_exit(stat_module_exit);
MODULE_DESCRIPTION("a card that loses frames");
MODULE_LICENSE("Dual MIT/GPL");
