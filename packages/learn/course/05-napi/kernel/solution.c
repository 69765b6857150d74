// SPDX-License-Identifier: MIT OR GPL-2.0
/* 5. NAPI: a card that is polled. */
#include "card.h"

static unsigned int delay = 1;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, "ms that the board takes");

static unsigned int slots = 256;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "frames in each ring");

#define MOVED (CARD_TX_DONE | CARD_RX_READY)

struct napi_priv {
	struct net_device *dev;
	struct napi_struct napi;
	struct card card;
};

static struct net_device *napi_dev;

/* In hardirq context: it schedules the poll, and has no further interrupts until that is done. */
static irqreturn_t napi_interrupt(int irq, void *data)
{
	struct napi_priv *priv = netdev_priv((struct net_device *)data);

	if (card_acknowledge(&priv->card) == 0)
		return IRQ_NONE;
	card_mask(&priv->card, MOVED);
	napi_schedule(&priv->napi);
	return IRQ_HANDLED;
}

static int napi_poll_card(struct napi_struct *napi, int budget)
{
	struct napi_priv *priv = container_of(napi, struct napi_priv, napi);
	struct net_device *dev = priv->dev;
	struct sk_buff *skb;
	int work = 0;

	while (work < budget && (skb = skb_dequeue(&priv->card.rx))) {
		course_received(skb, dev);
		netif_receive_skb(skb);
		work++;
	}
	/* The room is visible before we look; pairs with the barrier in napi_start_xmit. */
	smp_mb();
	if (netif_queue_stopped(dev) && skb_queue_len_lockless(&priv->card.tx) < slots)
		netif_wake_queue(dev);
	/* Nothing is touched after it but the card: the next poll may run on another CPU. */
	if (work < budget && napi_complete_done(napi, work))
		card_unmask(&priv->card, MOVED);
	return work;
}

static int napi_open(struct net_device *dev)
{
	struct napi_priv *priv = netdev_priv(dev);
	int err;

	napi_enable(&priv->napi); /* before the first interrupt */
	err = request_irq(priv->card.irq, napi_interrupt, IRQF_SHARED, dev->name, dev);
	if (err) {
		napi_disable(&priv->napi);
		return err;
	}
	netif_start_queue(dev);
	return 0;
}

static int napi_stop(struct net_device *dev)
{
	struct napi_priv *priv = netdev_priv(dev);

	netif_tx_disable(dev);
	free_irq(priv->card.irq, dev); /* no interrupt, so no new poll */
	napi_disable(&priv->napi); /* waits for the last one */
	netif_tx_disable(dev); /* it may have woken the queue */
	card_reset(&priv->card);
	return 0;
}

static netdev_tx_t napi_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct card *card = &((struct napi_priv *)netdev_priv(dev))->card;

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

static const struct net_device_ops napi_ops = {
	.ndo_init = course_init,
	.ndo_uninit = course_uninit,
	.ndo_open = napi_open,
	.ndo_stop = napi_stop,
	.ndo_start_xmit = napi_start_xmit,
	.ndo_get_stats64 = dev_get_tstats64,
};

static void napi_setup(struct net_device *dev)
{
	course_setup(dev, &napi_ops);
}

static int __init napi_module_init(void)
{
	struct napi_priv *priv;
	int err;

	if (delay > 1000 || slots < 1 || slots > 1024)
		return -EINVAL;
	napi_dev = alloc_netdev(sizeof(*priv), "napi%d", NET_NAME_ENUM, napi_setup);
	if (!napi_dev)
		return -ENOMEM;
	priv = netdev_priv(napi_dev);
	priv->dev = napi_dev;
	netif_napi_add(napi_dev, &priv->napi, napi_poll_card);
	err = card_init(&priv->card, delay, slots, 0);
	if (err)
		goto free;
	err = register_netdev(napi_dev);
	if (err)
		goto exit;
	return 0;
exit:
	card_exit(&priv->card);
free:
	free_netdev(napi_dev);
	return err;
}

static void __exit napi_module_exit(void)
{
	struct napi_priv *priv = netdev_priv(napi_dev);

	unregister_netdev(napi_dev);
	card_exit(&priv->card);
	free_netdev(napi_dev);
}

module_init(napi_module_init);
module_exit(napi_module_exit);
MODULE_DESCRIPTION("a card that is polled");
MODULE_LICENSE("Dual MIT/GPL");
