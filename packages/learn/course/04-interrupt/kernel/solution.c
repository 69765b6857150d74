// SPDX-License-Identifier: MIT OR GPL-2.0
/* 4. A card that interrupts. */
#include "card.h"

static unsigned int delay = 5;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms that the board takes");

static unsigned int slots = 8;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in each ring");

static unsigned int spurious;
module_param(spurious, uint, 0444);
MODULE_PARM_DESC(spurious, "interrupts of another card after every Nth of ours");

struct board_priv {
	struct card card;
};

static struct net_device *board_dev;

/* In hardirq context. Returns whether it was our card. */
static irqreturn_t board_interrupt(int irq, void *data)
{
	struct net_device *dev = data;
	struct card *card = &((struct board_priv *)netdev_priv(dev))->card;
	unsigned int status = card_acknowledge(card);
	struct sk_buff *skb;

	if (status == 0)
		return IRQ_NONE;
	if (status & CARD_RX_READY)
		while ((skb = skb_dequeue(&card->rx))) {
			course_received(skb, dev);
			netif_rx(skb);
		}
	/* The room is visible before we look; pairs with the barrier in board_start_xmit. */
	smp_mb();
	if ((status & CARD_TX_DONE) && netif_queue_stopped(dev) && skb_queue_len_lockless(&card->tx) < slots)
		netif_wake_queue(dev);
	return IRQ_HANDLED;
}

static int board_open(struct net_device *dev)
{
	struct board_priv *priv = netdev_priv(dev);
	int err = request_irq(priv->card.irq, board_interrupt, IRQF_SHARED, dev->name, dev);

	if (err)
		return err;
	netif_start_queue(dev);
	return 0;
}

static int board_stop(struct net_device *dev)
{
	struct board_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev);
	free_irq(priv->card.irq, dev); /* waits for a handler that runs */
	netif_tx_disable(dev); /* which may have woken the queue */
	card_reset(&priv->card);
	return 0;
}

static netdev_tx_t board_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct card *card = &((struct board_priv *)netdev_priv(dev))->card;

	if (!course_ip(skb))
		return course_drop(skb, dev);
	skb_orphan(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_queue_tail(&card->tx, skb);
	if (skb_queue_len_lockless(&card->tx) >= slots) {
		netif_stop_queue(dev);
		smp_mb__after_atomic();
		if (skb_queue_len_lockless(&card->tx) < slots)
			netif_start_queue(dev);
	}
	card_kick(card);
	return NETDEV_TX_OK;
}

static const struct net_device_ops board_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = board_open,
	.ndo_stop = board_stop,
	.ndo_start_xmit = board_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void board_setup(struct net_device *dev)
{
	course_setup(dev, &board_ops);
}

static int __init board_module_init(void)
{
	struct board_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	board_dev = alloc_netdev(sizeof(*priv), "board%d", NET_NAME_ENUM, board_setup);
	if (!board_dev)
		return -ENOMEM;
	priv = netdev_priv(board_dev);
	err = card_init(&priv->card, delay, slots, spurious);
	if (err)
		goto free;
	err = register_netdev(board_dev);
	if (err)
		goto exit;
	return 0;
exit:
	card_exit(&priv->card);
free:
	free_netdev(board_dev);
	return err;
}

static void __exit board_module_exit(void)
{
	struct board_priv *priv = netdev_priv(board_dev);

	unregister_netdev(board_dev);
	card_exit(&priv->card);
	free_netdev(board_dev);
}

module_init(board_module_init);
module_exit(board_module_exit);
MODULE_DESCRIPTION("a card that interrupts");
MODULE_LICENSE("Dual MIT/GPL");
