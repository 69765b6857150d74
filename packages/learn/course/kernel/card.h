/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The card of exercises 4 and 5: it sends each frame to itself, with the addresses swapped, and
 * interrupts. The interrupt is real to the kernel: it has a number for request_irq, and its handler
 * runs in hardirq context, from a high-resolution timer.
 */
#ifndef VNET_CARD_H
#define VNET_CARD_H

#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include "course.h"

/* The bits of the status register: frames were sent; frames were received. */
#define CARD_TX_DONE 1u
#define CARD_RX_READY 2u

struct card {
	struct sk_buff_head tx, rx; /* each has a lock of its own, which disables interrupts */
	int irq; /* for request_irq, with IRQF_SHARED */
	/* The rest is the card's: read it, change nothing in it. */
	unsigned int slots, delay, spurious, count;
	atomic_t status, mask;
	unsigned long busy;
	struct hrtimer alarm, line, other;
};

static inline void card_start(struct hrtimer *timer, unsigned int ms)
{
	hrtimer_start(timer, ms_to_ktime(ms), HRTIMER_MODE_REL);
}

/* The driver has put frames into the tx ring. */
static inline void card_kick(struct card *card)
{
	if (!test_and_set_bit(0, &card->busy))
		card_start(&card->alarm, card->delay);
}

static inline void card_interrupt(struct card *card)
{
	if (atomic_read(&card->status) & ~atomic_read(&card->mask))
		generic_handle_irq_safe(card->irq);
}

/* Reads the status register, which clears it. 0: another card has interrupted. */
static inline unsigned int card_acknowledge(struct card *card)
{
	return atomic_xchg(&card->status, 0);
}

static inline void card_mask(struct card *card, unsigned int bits)
{
	atomic_or(bits, &card->mask);
}

/* What happened meanwhile interrupts now. */
static inline void card_unmask(struct card *card, unsigned int bits)
{
	atomic_andnot(bits, &card->mask);
	if (atomic_read(&card->status) & bits)
		card_start(&card->line, 0);
}

/* Moves all frames that there is room for, and interrupts once. */
static inline enum hrtimer_restart card_work(struct hrtimer *timer)
{
	struct card *card = container_of(timer, struct card, alarm);
	struct sk_buff *skb;

	clear_bit(0, &card->busy);
	smp_mb__after_atomic();
	while (skb_queue_len_lockless(&card->rx) < card->slots && (skb = skb_dequeue(&card->tx))) {
		course_swap(skb);
		skb_queue_tail(&card->rx, skb);
	}
	atomic_or(CARD_TX_DONE | CARD_RX_READY, &card->status);
	card_interrupt(card);
	if (card->spurious && ++card->count % card->spurious == 0)
		card_start(&card->other, 0);
	if (!skb_queue_empty_lockless(&card->tx))
		card_kick(card);
	return HRTIMER_NORESTART;
}

static inline enum hrtimer_restart card_line(struct hrtimer *timer)
{
	card_interrupt(container_of(timer, struct card, line));
	return HRTIMER_NORESTART;
}

/* Another card on the same line. */
static inline enum hrtimer_restart card_other(struct hrtimer *timer)
{
	generic_handle_irq_safe(container_of(timer, struct card, other)->irq);
	return HRTIMER_NORESTART;
}

/* Stops the card, and waits for it; frames in its rings are dropped. The interrupt must be free. */
static inline void card_reset(struct card *card)
{
	hrtimer_cancel(&card->alarm);
	hrtimer_cancel(&card->line);
	hrtimer_cancel(&card->other);
	card->busy = 0;
	atomic_set(&card->status, 0);
	atomic_set(&card->mask, 0);
	skb_queue_purge(&card->tx);
	skb_queue_purge(&card->rx);
}

/* Returns 0 or an error; card_exit undoes it. */
static inline int card_init(struct card *card, unsigned int delay, unsigned int slots, unsigned int spurious)
{
	card->irq = irq_alloc_desc(NUMA_NO_NODE);
	if (card->irq < 0)
		return card->irq;
	irq_set_chip_and_handler(card->irq, &dummy_irq_chip, handle_edge_irq);
	irq_clear_status_flags(card->irq, IRQ_NOREQUEST | IRQ_NOPROBE);
	skb_queue_head_init(&card->tx);
	skb_queue_head_init(&card->rx);
	card->delay = delay;
	card->slots = slots;
	card->spurious = spurious;
	hrtimer_init(&card->alarm, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_init(&card->line, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hrtimer_init(&card->other, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	card->alarm.function = card_work;
	card->line.function = card_line;
	card->other.function = card_other;
	return 0;
}

static inline void card_exit(struct card *card)
{
	irq_free_desc(card->irq);
}

#endif
