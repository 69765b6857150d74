// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * examples/mirror.js as a module of the kernel: an interface in which the machine sees itself.
 * packages/learn/docs/to-the-kernel.md compares the two, function by function. It was compiled with
 * the headers of Linux 6.1 (Debian 12) and 6.12 (Debian 13).
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/timer.h>

#define DELAY_MAX 1000u
#define BUFFERS_MAX 1024u

static unsigned int delay = 10;
module_param(delay, uint, 0644);
MODULE_PARM_DESC(delay, "ms until a frame is back");

static unsigned int buffers = 64;
module_param(buffers, uint, 0444);
MODULE_PARM_DESC(buffers, "frames that may be under way");

static unsigned int lockup;
module_param(lockup, uint, 0644);
MODULE_PARM_DESC(lockup, "lose every Nth interrupt");

#define MIRROR_BUSY 0 /* a bit of state: the board has frames, and its timer runs */

struct mirror_priv {
	struct net_device *dev;
	struct napi_struct napi;
	struct timer_list alarm;
	struct sk_buff_head under_way; /* has a lock of its own */
	unsigned long state;
	unsigned int arrivals; /* only the timer touches it */
};

static struct net_device *mirror_dev;

/* Swaps source and destination. Returns false if the frame is to be dropped. */
static bool mirror_reflect(struct sk_buff *skb)
{
	struct iphdr *ip;

	if (skb->protocol != htons(ETH_P_IP) || is_multicast_ether_addr(skb->data))
		return false;
	/* The header may be in a fragment, or shared with a clone that tcpdump has. */
	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip)) || skb_cow_head(skb, 0))
		return false;
	/* Not before here: both may have moved the bytes. */
	ip = (struct iphdr *)(skb->data + ETH_HLEN);
	if (ip->version != 4 || ip->ihl < 5 || ntohs(ip->tot_len) > skb->len - ETH_HLEN)
		return false;
	swap(ip->saddr, ip->daddr);
	return true;
}

/* The interrupt handler: it only schedules the poll. */
static void mirror_interrupt(struct mirror_priv *priv)
{
	napi_schedule(&priv->napi);
}

/* Called when a frame has crossed the board, which sometimes loses an interrupt. */
static void mirror_arrived(struct timer_list *alarm)
{
	struct mirror_priv *priv = container_of(alarm, struct mirror_priv, alarm);
	unsigned int every = READ_ONCE(lockup);

	clear_bit(MIRROR_BUSY, &priv->state);
	/* A frame that saw the bit set is in the list before the poll looks. */
	smp_mb__after_atomic();
	priv->arrivals++;
	if (every == 0 || priv->arrivals % every != 0)
		mirror_interrupt(priv);
}

static bool mirror_has_room(struct mirror_priv *priv)
{
	return skb_queue_len_lockless(&priv->under_way) < buffers;
}

static netdev_tx_t mirror_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct mirror_priv *priv = netdev_priv(dev);

	if (!mirror_reflect(skb)) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	skb_orphan(skb); /* its sender need not wait for the delay */
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_queue_tail(&priv->under_way, skb); /* from here on the poll may have it */
	if (!mirror_has_room(priv)) {
		netif_stop_queue(dev);
		/* The stop is visible before we look again; pairs with the barrier in mirror_poll. */
		smp_mb__after_atomic();
		if (mirror_has_room(priv))
			netif_start_queue(dev);
	}
	if (!test_and_set_bit(MIRROR_BUSY, &priv->state))
		mod_timer(&priv->alarm, jiffies + msecs_to_jiffies(min(READ_ONCE(delay), DELAY_MAX)));
	return NETDEV_TX_OK;
}

static int mirror_poll(struct napi_struct *napi, int budget)
{
	struct mirror_priv *priv = container_of(napi, struct mirror_priv, napi);
	struct net_device *dev = priv->dev;
	/* Not what is added meanwhile: netif_receive_skb may send a reply by this device. */
	int arrived = min_t(int, budget, skb_queue_len_lockless(&priv->under_way));
	struct sk_buff *skb;
	int work = 0;

	while (work < arrived && (skb = skb_dequeue(&priv->under_way))) {
		dev_sw_netstats_rx_add(dev, skb->len);
		skb_scrub_packet(skb, false); /* forgets the route of its way out */
		skb_clear_tstamp(skb); /* it may be that of a packet scheduler */
		skb->protocol = eth_type_trans(skb, dev);
		netif_receive_skb(skb);
		work++;
	}
	/* The room is visible before we look whether the queue is stopped. */
	smp_mb();
	if (netif_queue_stopped(dev) && mirror_has_room(priv))
		netif_wake_queue(dev);
	if (work < budget)
		napi_complete_done(napi, work);
	return work;
}

static int mirror_open(struct net_device *dev)
{
	struct mirror_priv *priv = netdev_priv(dev);

	napi_enable(&priv->napi);
	netif_start_queue(dev);
	return 0;
}

/* May sleep. Each line ends one context that could still be running, on any CPU. */
static int mirror_stop(struct net_device *dev)
{
	struct mirror_priv *priv = netdev_priv(dev);
	struct sk_buff *skb;

	napi_disable(&priv->napi); /* no poll, so no wake */
	netif_tx_disable(dev); /* no ndo_start_xmit, so the timer is not armed again */
	timer_delete_sync(&priv->alarm); /* no timer */
	priv->state = 0;
	while ((skb = skb_dequeue(&priv->under_way))) {
		dev_core_stats_tx_dropped_inc(dev);
		dev_kfree_skb(skb);
	}
	return 0;
}

static void mirror_tx_timeout(struct net_device *dev, unsigned int queue)
{
	DEV_STATS_INC(dev, tx_errors);
	mirror_interrupt(netdev_priv(dev));
}

static const struct net_device_ops mirror_ops = {
	.ndo_open = mirror_open,
	.ndo_stop = mirror_stop,
	.ndo_start_xmit = mirror_start_xmit,
	.ndo_tx_timeout = mirror_tx_timeout,
	.ndo_get_stats64 = dev_get_tstats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void mirror_setup(struct net_device *dev)
{
	ether_setup(dev); /* max_mtu is 1500 from here on: no ndo_change_mtu is needed */
	eth_hw_addr_random(dev);
	dev->netdev_ops = &mirror_ops;
	dev->flags |= IFF_NOARP;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING; /* we change what we are given */
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->watchdog_timeo = msecs_to_jiffies(500);
}

static int __init mirror_init(void)
{
	struct mirror_priv *priv;
	struct net_device *dev;
	int err;

	if (buffers < 1 || buffers > BUFFERS_MAX)
		return -EINVAL;
	dev = alloc_netdev(sizeof(*priv), "mirror%d", NET_NAME_ENUM, mirror_setup);
	if (!dev)
		return -ENOMEM;
	priv = netdev_priv(dev);
	priv->dev = dev;
	skb_queue_head_init(&priv->under_way);
	timer_setup(&priv->alarm, mirror_arrived, 0);
	netif_napi_add(dev, &priv->napi, mirror_poll);
	err = register_netdev(dev); /* may be opened before this returns */
	if (err) {
		free_netdev(dev);
		return err;
	}
	mirror_dev = dev;
	return 0;
}

static void __exit mirror_exit(void)
{
	unregister_netdev(mirror_dev); /* closes it, and waits for all who use it */
	free_netdev(mirror_dev);
}

module_init(mirror_init);
module_exit(mirror_exit);
MODULE_DESCRIPTION("an interface in which the machine sees itself");
MODULE_LICENSE("Dual MIT/GPL");
