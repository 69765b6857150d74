// SPDX-License-Identifier: MIT OR GPL-2.0
/* 2. A mirror: each frame comes back from where it was sent. */
#include "course.h"

static struct net_device *mirror_dev;

static netdev_tx_t mirror_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (!course_ip(skb) || is_multicast_ether_addr(skb->data))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb); /* the socket that sent it has nothing to do with its way back */
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	course_received(skb, dev);
	netif_rx(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops mirror_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_start_xmit = mirror_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void mirror_setup(struct net_device *dev)
{
	course_setup(dev, &mirror_ops);
}

static int __init mirror_module_init(void)
{
	int err;

	mirror_dev = alloc_netdev(0, "mirror%d", NET_NAME_ENUM, mirror_setup);
	if (!mirror_dev)
		return -ENOMEM;
	err = register_netdev(mirror_dev);
	if (err)
		free_netdev(mirror_dev);
	return err;
}

static void __exit mirror_module_exit(void)
{
	unregister_netdev(mirror_dev);
	free_netdev(mirror_dev);
}

module_init(mirror_module_init);
module_exit(mirror_module_exit);
MODULE_DESCRIPTION("the machine sees itself");
MODULE_LICENSE("Dual MIT/GPL");
