// SPDX-License-Identifier: MIT OR GPL-2.0
/* 9. Offloads: a mirror that flips ports, for frames of 64 KiB too. */
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include "course.h"
#if __has_include(<net/gso.h>)
#include <net/gso.h>
#endif

#define OFFLOADS (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4)

static bool plain;
module_param(plain, bool, 0444);
MODULE_PARM_DESC(plain, "receive frames without offloads");

static struct net_device *off_dev;

/* Changes the lowest bit of a port, and the checksum over it unless the card completes that. */
static void flip_port(struct sk_buff *skb, __be16 *port, __sum16 *check)
{
	__be16 flipped = *port ^ htons(1);

	/* A checksum of 0 means none, in UDP. */
	if (check)
		inet_proto_csum_replace2(check, skb, *port, flipped, false);
	*port = flipped;
}

/* 5200 is 5201, and back. Returns false if the frame has no memory for its headers. */
static bool flip_ports(struct sk_buff *skb, struct iphdr *ip)
{
	unsigned int at = ETH_HLEN + ip->ihl * 4;
	bool is_tcp = ip->protocol == IPPROTO_TCP;
	unsigned int header = is_tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	struct udphdr *ports;
	__sum16 *check;

	if ((!is_tcp && ip->protocol != IPPROTO_UDP) || ip_is_fragment(ip) || skb->len < at + header)
		return true;
	if (skb_ensure_writable(skb, at + header))
		return false;
	/* Both have the ports in the same place. */
	ports = (struct udphdr *)(skb->data + at);
	check = is_tcp ? &((struct tcphdr *)ports)->check : ports->check ? &ports->check : NULL;
	flip_port(skb, &ports->source, check);
	flip_port(skb, &ports->dest, check);
	if (!is_tcp && check && !*check)
		*check = CSUM_MANGLED_0;
	return true;
}

static void off_receive(struct sk_buff *skb, struct net_device *dev)
{
	course_received(skb, dev);
	netif_rx(skb);
}

/* Gives the network stack frames that need no offload: short, with complete checksums. */
static void off_receive_plain(struct sk_buff *skb, struct net_device *dev)
{
	struct sk_buff *segments = NULL, *next;

	if (skb_is_gso(skb)) {
		segments = skb_gso_segment(skb, 0);
		if (IS_ERR(segments)) {
			course_drop(skb, dev);
			return;
		}
	}
	/* NULL: it was one segment already. */
	if (segments)
		consume_skb(skb);
	else
		segments = skb;
	skb_list_walk_safe(segments, skb, next) {
		skb_mark_not_on_list(skb);
		if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb)) {
			course_drop(skb, dev);
			continue;
		}
		off_receive(skb, dev);
	}
}

static netdev_tx_t off_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct iphdr *ip = course_ip(skb);

	if (!ip || !ether_addr_equal(skb->data, dev->dev_addr) || !flip_ports(skb, ip))
		return course_drop(skb, dev);
	course_swap(skb);
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	if (plain)
		off_receive_plain(skb, dev);
	else
		off_receive(skb, dev);
	return NETDEV_TX_OK;
}

static const struct net_device_ops off_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_start_xmit = off_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void off_setup(struct net_device *dev)
{
	course_setup(dev, &off_ops);
	dev->features |= OFFLOADS;
	dev->hw_features |= OFFLOADS; /* `ethtool -K` may turn them off */
}

static int __init off_module_init(void)
{
	int err;

	off_dev = alloc_netdev(0, "off%d", NET_NAME_ENUM, off_setup);
	if (!off_dev)
		return -ENOMEM;
	err = register_netdev(off_dev);
	if (err)
		free_netdev(off_dev);
	return err;
}

static void __exit off_module_exit(void)
{
	unregister_netdev(off_dev);
	free_netdev(off_dev);
}

module_init(off_module_init);
module_exit(off_module_exit);
MODULE_DESCRIPTION("a mirror that flips ports");
MODULE_LICENSE("Dual MIT/GPL");
