// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * @title@: the skeleton of the module, made from the driver's.
 * packages/learn/docs/to-the-kernel.md has the names of both side by side. To do, as in the driver:
 *
@todos@
 */
#include "course.h"

@parameters@
#define DEVICES @devices@

struct @name@_priv {
	struct net_device *dev;
};

static struct net_device *devices[DEVICES];

@if ndo_open
static int @name@_open(struct net_device *dev)
{
	netif_tx_start_all_queues(dev);
	return 0;
}

@end
@if ndo_stop
static int @name@_stop(struct net_device *dev)
{
	netif_tx_disable(dev);
	return 0;
}

@end
@if ndo_start_xmit
static netdev_tx_t @name@_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	return course_drop(skb, dev);
}

@end
@if ndo_tx_timeout
static void @name@_tx_timeout(struct net_device *dev, unsigned int queue)
{
}

@end
@if ndo_siocdevprivate
static int @name@_siocdevprivate(struct net_device *dev, struct ifreq *ifr, void __user *data, int cmd)
{
	return -EOPNOTSUPP;
}

@end
@if ndo_get_stats64
static void @name@_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	dev_get_tstats64(dev, stats);
}

@end
static const struct net_device_ops @name@_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
@if ndo_open
	.ndo_open = @name@_open,
@end
@if ndo_stop
	.ndo_stop = @name@_stop,
@end
@if ndo_start_xmit
	.ndo_start_xmit = @name@_start_xmit,
@end
@if ndo_tx_timeout
	.ndo_tx_timeout = @name@_tx_timeout,
@end
@if ndo_siocdevprivate
	.ndo_siocdevprivate = @name@_siocdevprivate,
@end
@if ndo_get_stats64
	.ndo_get_stats64 = @name@_get_stats64,
@end
@if !ndo_get_stats64
	.ndo_get_stats64 = dev_get_tstats64,
@end
};

static void @name@_setup(struct net_device *dev)
{
	course_setup(dev, &@name@_ops);
@if arp
	dev->flags &= ~IFF_NOARP;
@end
}

static void @name@_free(void)
{
	for (int i = 0; i < DEVICES; i++)
		if (devices[i] && devices[i]->reg_state == NETREG_REGISTERED)
			unregister_netdev(devices[i]); /* closes it, and waits for all who use it */
	for (int i = 0; i < DEVICES; i++)
		if (devices[i])
			free_netdev(devices[i]);
}

static int __init @name@_module_init(void)
{
	int err = 0;

	for (int i = 0; i < DEVICES && !err; i++) {
		struct @name@_priv *priv;

		devices[i] = alloc_netdev_mqs(sizeof(*priv), "@pattern@", NET_NAME_ENUM,
					      @name@_setup, @queues@, @queues@);
		if (!devices[i]) {
			err = -ENOMEM;
			break;
		}
		priv = netdev_priv(devices[i]);
		priv->dev = devices[i];
	}
	for (int i = 0; i < DEVICES && !err; i++)
		err = register_netdev(devices[i]);
	if (err)
		@name@_free();
	return err;
}

static void __exit @name@_module_exit(void)
{
	@name@_free();
}

module_init(@name@_module_init);
module_exit(@name@_module_exit);
MODULE_DESCRIPTION(@description@);
MODULE_LICENSE("Dual MIT/GPL");
