// SPDX-License-Identifier: MIT OR GPL-2.0
/* 10. A switch with three ports. */
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include "course.h"

#define PORTS 3
#define STATIONS_MAX 1024 /* anybody can invent addresses */

static unsigned int age = 300;
module_param(age, uint, 0444);
MODULE_PARM_DESC(age, "s until a silent station is forgotten");

struct station {
	struct hlist_node node;
	u8 address[ETH_ALEN];
	struct net_device *port; /* where it was heard */
	unsigned long seen; /* jiffies */
};

static struct net_device *ports[PORTS];
/* The table, which all ports share: they transmit on several CPUs. */
static DEFINE_SPINLOCK(lock);
static DEFINE_HASHTABLE(stations, 8);
static unsigned int station_count;

static u32 station_hash(const u8 *address)
{
	return get_unaligned((const u32 *)(address + 2));
}

static struct station *station_find(const u8 *address)
{
	struct station *station;

	hash_for_each_possible(stations, station, node, station_hash(address))
		if (ether_addr_equal(station->address, address))
			return station;
	return NULL;
}

static void station_learn(const u8 *address, struct net_device *port)
{
	struct station *station = station_find(address);

	if (!station) {
		if (station_count >= STATIONS_MAX)
			return;
		station = kzalloc(sizeof(*station), GFP_ATOMIC); /* it may not sleep here */
		if (!station)
			return;
		ether_addr_copy(station->address, address);
		hash_add(stations, &station->node, station_hash(address));
		station_count++;
	}
	station->port = port;
	station->seen = jiffies;
}

/* Sends the frame out of a port: the kernel receives it there. */
static void deliver(struct sk_buff *skb, struct net_device *port)
{
	if (!netif_running(port)) {
		dev_core_stats_rx_dropped_inc(port);
		dev_kfree_skb_any(skb);
		return;
	}
	course_received(skb, port);
	netif_rx(skb);
}

/* Sends a frame to all ports but the one it came from. */
static void flood(struct sk_buff *skb, struct net_device *from)
{
	struct net_device *last = NULL;

	for (int i = 0; i < PORTS; i++) {
		if (ports[i] == from)
			continue;
		if (last) {
			struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC); /* its receiver may change it */

			if (copy)
				deliver(copy, last);
			else
				dev_core_stats_rx_dropped_inc(last);
		}
		last = ports[i];
	}
	deliver(skb, last);
}

static netdev_tx_t switch_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ethhdr *eth = (struct ethhdr *)skb->data;
	struct net_device *to = NULL;
	struct station *station;

	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	spin_lock(&lock);
	if (!is_multicast_ether_addr(eth->h_source))
		station_learn(eth->h_source, dev);
	if (!is_multicast_ether_addr(eth->h_dest)) {
		station = station_find(eth->h_dest);
		if (station && time_before(jiffies, station->seen + age * HZ))
			to = station->port;
	}
	spin_unlock(&lock);
	if (!to)
		flood(skb, dev);
	else if (to == dev)
		kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
	else
		deliver(skb, to);
	return NETDEV_TX_OK;
}

static const struct net_device_ops switch_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_start_xmit = switch_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
	.ndo_set_mac_address = eth_mac_addr,
};

static void switch_setup(struct net_device *dev)
{
	course_setup(dev, &switch_ops);
	dev->flags &= ~IFF_NOARP; /* its stations answer */
}

static void ports_free(void)
{
	struct hlist_node *next;
	struct station *station;
	int bucket;

	for (int i = 0; i < PORTS; i++)
		if (ports[i] && ports[i]->reg_state == NETREG_REGISTERED)
			unregister_netdev(ports[i]);
	/* Not before: a port sends to all others. */
	for (int i = 0; i < PORTS; i++)
		if (ports[i])
			free_netdev(ports[i]);
	hash_for_each_safe(stations, bucket, next, station, node)
		kfree(station);
}

static int __init switch_module_init(void)
{
	int err;

	if (age < 1 || age > 86400)
		return -EINVAL;
	/* All exist before the first may transmit. */
	for (int i = 0; i < PORTS; i++) {
		ports[i] = alloc_netdev(0, "sw%d", NET_NAME_ENUM, switch_setup);
		if (!ports[i]) {
			ports_free();
			return -ENOMEM;
		}
	}
	for (int i = 0; i < PORTS; i++) {
		err = register_netdev(ports[i]);
		if (err) {
			ports_free();
			return err;
		}
	}
	return 0;
}

static void __exit switch_module_exit(void)
{
	ports_free();
}

module_init(switch_module_init);
module_exit(switch_module_exit);
MODULE_DESCRIPTION("a switch with three ports");
MODULE_LICENSE("Dual MIT/GPL");
