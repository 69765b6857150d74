/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Shared by the modules of the course: the mirror of exercise 2, and its interface. */
#ifndef VNET_COURSE_H
#define VNET_COURSE_H

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/version.h>

/*
 * The IPv4 header of a frame that is about to be transmitted, in memory that may be written; NULL
 * if it has none that is right. It may move the bytes of the frame.
 */
static inline struct iphdr *course_ip(struct sk_buff *skb)
{
	struct iphdr *ip;

	if (skb->protocol != htons(ETH_P_IP) || !pskb_may_pull(skb, ETH_HLEN + sizeof(*ip)))
		return NULL;
	/* A clone, as tcpdump takes one, shares the headers. */
	if (skb_cow_head(skb, 0))
		return NULL;
	ip = (struct iphdr *)(skb->data + ETH_HLEN);
	if (ip->version != 4 || ip->ihl < 5 || ntohs(ip->tot_len) > skb->len - ETH_HLEN)
		return NULL;
	return ip;
}

/* Swaps the addresses of a frame, so that it comes back from where it was sent. */
static inline void course_swap(struct sk_buff *skb)
{
	struct ethhdr *eth = (struct ethhdr *)skb->data;
	struct iphdr *ip = (struct iphdr *)(skb->data + ETH_HLEN);
	unsigned char address[ETH_ALEN];

	swap(ip->saddr, ip->daddr);
	ether_addr_copy(address, eth->h_source);
	ether_addr_copy(eth->h_source, eth->h_dest);
	ether_addr_copy(eth->h_dest, address);
}

/* Turns a transmitted frame into a received one, and counts it. */
static inline void course_received(struct sk_buff *skb, struct net_device *dev)
{
	dev_sw_netstats_rx_add(dev, skb->len);
	skb_scrub_packet(skb, false); /* forgets the route of its way out */
	skb->tstamp = 0; /* it may be that of a packet scheduler */
	skb->protocol = eth_type_trans(skb, dev);
}

/* Drops a frame that cannot be transmitted. */
static inline netdev_tx_t course_drop(struct sk_buff *skb, struct net_device *dev)
{
	dev_core_stats_tx_dropped_inc(dev);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/* The usual properties; `ops` has .ndo_get_stats64 = dev_get_tstats64. */
static inline void course_setup(struct net_device *dev, const struct net_device_ops *ops)
{
	ether_setup(dev);
	eth_hw_addr_random(dev);
	dev->netdev_ops = ops;
	dev->flags |= IFF_NOARP;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING; /* it changes what it is given */
}

/*
 * Counters for each processor, which dev_sw_netstats_tx_add counts: ndo_init and ndo_uninit. Newer
 * kernels have dev->pcpu_stat_type for it.
 */
static inline int course_init(struct net_device *dev)
{
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	return dev->tstats ? 0 : -ENOMEM;
}

static inline void course_uninit(struct net_device *dev)
{
	free_percpu(dev->tstats);
}

#endif
