// SPDX-License-Identifier: MIT OR GPL-2.0
/* 1. A device that drops every frame. */
#include "course.h"

struct drop_priv {
	u64 frames;
	u64 bytes;
};

static struct net_device *drop_dev;

static netdev_tx_t drop_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct drop_priv *priv = netdev_priv(dev);

	dev_core_stats_tx_dropped_inc(dev);
	if (skb->protocol != htons(ETH_P_IP)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_UNHANDLED_PROTO);
		return NETDEV_TX_OK;
	}
	/* Only one CPU at a time transmits on a queue. */
	priv->frames++;
	priv->bytes += skb->len;
	kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
	return NETDEV_TX_OK;
}

static const struct net_device_ops drop_ops = {
	.ndo_start_xmit = drop_start_xmit,
};

static void drop_setup(struct net_device *dev)
{
	course_setup(dev, &drop_ops);
}

static int __init drop_module_init(void)
{
	int err;

	drop_dev = alloc_netdev(sizeof(struct drop_priv), "drop%d", NET_NAME_ENUM, drop_setup);
	if (!drop_dev)
		return -ENOMEM;
	err = register_netdev(drop_dev);
	if (err)
		free_netdev(drop_dev);
	return err;
}

static void __exit drop_module_exit(void)
{
	unregister_netdev(drop_dev);
	free_netdev(drop_dev);
}

module_init(drop_module_init);
module_exit(drop_module_exit);
MODULE_DESCRIPTION("drops every frame");
MODULE_LICENSE("Dual MIT/GPL");
