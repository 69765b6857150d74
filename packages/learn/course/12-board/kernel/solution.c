// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * 12. The board of snull: two interfaces, each the other end of the other. The third byte of both
 * addresses of a packet changes its lowest bit on the way, so that a machine with an address in
 * each of the two networks talks to itself.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include "course.h"

#define BOARDS 2
#define SNULL_RX_INTR 1
#define SNULL_TX_INTR 2
#define SENT_NS 20000 /* how long the transmitter takes */

static unsigned int timeout = 50;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "ms a queue may be stopped before the transmit timeout");

static unsigned int pool_size = 64;
module_param(pool_size, uint, 0444);
MODULE_PARM_DESC(pool_size, "transmit buffers");

static unsigned int ring_size = 256;
module_param(ring_size, uint, 0444);
MODULE_PARM_DESC(ring_size, "frames the receive ring holds");

static unsigned int lockup;
module_param(lockup, uint, 0644);
MODULE_PARM_DESC(lockup, "lose the interrupt of every Nth transmit completion");

static unsigned int stuck;
module_param(stuck, uint, 0644);
MODULE_PARM_DESC(stuck, "keep every Nth frame in the transmitter until the timeout");

static unsigned int spurious;
module_param(spurious, uint, 0644);
MODULE_PARM_DESC(spurious, "raise a spurious interrupt every Nth frame");

struct board {
	struct net_device *dev, *peer;
	int irq;
	atomic_t status;
	struct sk_buff_head rx; /* has a lock of its own */
	struct hrtimer sent;
	spinlock_t lock; /* of the transmitter, which is the rest */
	unsigned int in_use, count;
	bool lost; /* the interrupt of a completion */
	struct sk_buff *stuck;
	atomic_long_t timeouts;
};

static struct net_device *devices[BOARDS];

/* Interrupts: bits of the status word, none for a spurious interrupt. */
static void board_raise(struct board *board, unsigned int bits)
{
	atomic_or(bits, &board->status);
	generic_handle_irq_safe(board->irq);
}

/* A frame arrives from the wire. */
static void board_arrive(struct sk_buff *skb, struct net_device *dev)
{
	struct board *board = netdev_priv(dev);

	if (!netif_running(dev) || skb_queue_len_lockless(&board->rx) >= ring_size) {
		dev_core_stats_rx_dropped_inc(dev);
		dev_kfree_skb_any(skb);
		return;
	}
	skb_queue_tail(&board->rx, skb);
	board_raise(board, SNULL_RX_INTR);
}

static enum hrtimer_restart board_sent(struct hrtimer *timer)
{
	board_raise(container_of(timer, struct board, sent), SNULL_TX_INTR);
	return HRTIMER_NORESTART;
}

/* Frees the buffers that were sent; false if the completion was lost or a frame is stuck. */
static bool board_reclaim(struct board *board)
{
	unsigned long flags;
	bool is_free;

	spin_lock_irqsave(&board->lock, flags);
	is_free = !board->lost && !board->stuck;
	if (is_free)
		board->in_use = 0;
	spin_unlock_irqrestore(&board->lock, flags);
	return is_free;
}

/* Puts a frame on the wire. Returns whether there is a free buffer. */
static bool board_transmit(struct board *board, struct sk_buff *skb)
{
	unsigned int number;
	bool is_lost, is_free;
	unsigned long flags;

	spin_lock_irqsave(&board->lock, flags);
	number = ++board->count;
	board->in_use++;
	if (stuck && number % stuck == 0 && !board->stuck) {
		board->stuck = skb;
		skb = NULL;
	}
	is_lost = lockup && number % lockup == 0;
	board->lost |= is_lost;
	is_free = board->in_use < pool_size && !board->lost && !board->stuck;
	spin_unlock_irqrestore(&board->lock, flags);
	if (skb)
		board_arrive(skb, board->peer);
	if (spurious && number % spurious == 0)
		board_raise(board, 0);
	if (!is_lost && !hrtimer_is_queued(&board->sent))
		hrtimer_start(&board->sent, ns_to_ktime(SENT_NS), HRTIMER_MODE_REL);
	return is_free;
}

/* Sends the stuck frame, and raises the lost interrupt. */
static void board_reset(struct board *board)
{
	struct sk_buff *skb;
	unsigned long flags;

	spin_lock_irqsave(&board->lock, flags);
	skb = board->stuck;
	board->stuck = NULL;
	board->lost = false;
	spin_unlock_irqrestore(&board->lock, flags);
	if (skb)
		board_arrive(skb, board->peer);
	board_raise(board, SNULL_TX_INTR);
}

/* Changes the lowest bit of the third byte of an address, and the checksums over it. */
static void snull_flip(struct sk_buff *skb, struct iphdr *ip, __be32 *address, __sum16 *check)
{
	__be32 flipped = *address ^ htonl(0x100);

	csum_replace4(&ip->check, *address, flipped);
	if (check)
		inet_proto_csum_replace4(check, skb, *address, flipped, true);
	*address = flipped;
}

/* Makes a frame one for the peer. Returns false if it cannot. */
static bool snull_translate(struct sk_buff *skb, struct net_device *peer)
{
	struct iphdr *ip = course_ip(skb);
	__sum16 *check = NULL;
	unsigned int at;

	if (!ip || ipv4_is_multicast(ip->daddr) || ipv4_is_lbcast(ip->daddr))
		return false;
	at = ETH_HLEN + ip->ihl * 4;
	if (!(ip->frag_off & htons(IP_OFFSET)) && skb->len >= at + sizeof(struct udphdr)) {
		unsigned int header = ip->protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);

		if (skb->len < at + header || skb_ensure_writable(skb, at + header))
			return false;
		ip = (struct iphdr *)(skb->data + ETH_HLEN);
		if (ip->protocol == IPPROTO_TCP)
			check = &((struct tcphdr *)(skb->data + at))->check;
		else if (ip->protocol == IPPROTO_UDP && ((struct udphdr *)(skb->data + at))->check)
			check = &((struct udphdr *)(skb->data + at))->check;
	}
	snull_flip(skb, ip, &ip->saddr, check);
	snull_flip(skb, ip, &ip->daddr, check);
	if (check && ip->protocol == IPPROTO_UDP && !*check)
		*check = CSUM_MANGLED_0;
	if (!is_multicast_ether_addr(skb->data))
		ether_addr_copy(((struct ethhdr *)skb->data)->h_dest, peer->dev_addr);
	return true;
}

static irqreturn_t snull_interrupt(int irq, void *data)
{
	struct net_device *dev = data;
	struct board *board = netdev_priv(dev);
	unsigned int status = atomic_xchg(&board->status, 0);
	struct sk_buff *skb;

	if (status == 0)
		return IRQ_NONE;
	if (status & SNULL_RX_INTR)
		while ((skb = skb_dequeue(&board->rx))) {
			course_received(skb, dev);
			netif_rx(skb);
		}
	if ((status & SNULL_TX_INTR) && board_reclaim(board) && netif_queue_stopped(dev))
		netif_wake_queue(dev);
	return IRQ_HANDLED;
}

static int snull_open(struct net_device *dev)
{
	struct board *board = netdev_priv(dev);
	int err = request_irq(board->irq, snull_interrupt, IRQF_SHARED, dev->name, dev);

	if (err)
		return err;
	netif_start_queue(dev);
	return 0;
}

static int snull_stop(struct net_device *dev)
{
	struct board *board = netdev_priv(dev);

	netif_tx_disable(dev);
	hrtimer_cancel(&board->sent);
	free_irq(board->irq, dev); /* waits for a handler that runs */
	netif_tx_disable(dev); /* which may have woken the queue */
	skb_queue_purge(&board->rx);
	kfree_skb(board->stuck);
	board->stuck = NULL;
	board->lost = false;
	board->in_use = 0;
	atomic_set(&board->status, 0);
	return 0;
}

static netdev_tx_t snull_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct board *board = netdev_priv(dev);

	if (!snull_translate(skb, board->peer))
		return course_drop(skb, dev);
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	/* Stopped before the frame is on the wire: its interrupt may come first. */
	netif_stop_queue(dev);
	if (board_transmit(board, skb))
		netif_start_queue(dev);
	return NETDEV_TX_OK;
}

/* Called in softirq context with all queues frozen. */
static void snull_tx_timeout(struct net_device *dev, unsigned int queue)
{
	struct board *board = netdev_priv(dev);

	atomic_long_inc(&board->timeouts);
	board_reset(board);
}

static void snull_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct board *board = netdev_priv(dev);

	dev_get_tstats64(dev, stats);
	stats->tx_errors += atomic_long_read(&board->timeouts);
}

static const struct net_device_ops snull_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = snull_open,
	.ndo_stop = snull_stop,
	.ndo_start_xmit = snull_start_xmit,
	.ndo_tx_timeout = snull_tx_timeout,
	.ndo_get_stats64 = snull_get_stats64,
};

static void snull_setup(struct net_device *dev)
{
	course_setup(dev, &snull_ops);
	dev->watchdog_timeo = msecs_to_jiffies(timeout);
}

static void snull_free(void)
{
	for (int i = 0; i < BOARDS; i++)
		if (devices[i] && devices[i]->reg_state == NETREG_REGISTERED)
			unregister_netdev(devices[i]);
	/* Not before: each sends to the other. */
	for (int i = 0; i < BOARDS; i++)
		if (devices[i]) {
			struct board *board = netdev_priv(devices[i]);

			if (board->irq > 0)
				irq_free_desc(board->irq);
			free_netdev(devices[i]);
		}
}

static int __init snull_make(int i)
{
	struct board *board;

	devices[i] = alloc_netdev(sizeof(*board), "bd%d", NET_NAME_ENUM, snull_setup);
	if (!devices[i])
		return -ENOMEM;
	board = netdev_priv(devices[i]);
	board->dev = devices[i];
	spin_lock_init(&board->lock);
	skb_queue_head_init(&board->rx);
	hrtimer_init(&board->sent, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	board->sent.function = board_sent;
	board->irq = irq_alloc_desc(NUMA_NO_NODE);
	if (board->irq < 0)
		return board->irq;
	irq_set_chip_and_handler(board->irq, &dummy_irq_chip, handle_edge_irq);
	irq_clear_status_flags(board->irq, IRQ_NOREQUEST | IRQ_NOPROBE);
	return 0;
}

static int __init snull_module_init(void)
{
	int err = 0;

	if (timeout < 1 || pool_size < 1 || ring_size < 1)
		return -EINVAL;
	for (int i = 0; i < BOARDS && !err; i++)
		err = snull_make(i);
	if (!err)
		for (int i = 0; i < BOARDS; i++)
			((struct board *)netdev_priv(devices[i]))->peer = devices[!i];
	for (int i = 0; i < BOARDS && !err; i++)
		err = register_netdev(devices[i]);
	if (err)
		snull_free();
	return err;
}

static void __exit snull_module_exit(void)
{
	snull_free();
}

module_init(snull_module_init);
module_exit(snull_module_exit);
MODULE_DESCRIPTION("a driver for the board of snull");
MODULE_LICENSE("Dual MIT/GPL");
