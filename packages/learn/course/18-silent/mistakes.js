// @ts-check

/**
 * The drops of the driver that learners get, each alone, and mistakes that they make, as changes of
 * the solution: each is found by a check, and the text is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'no-room',
    inKernel:
      'consume_skb means that the frame has done its work: it fires no skb:kfree_skb, dropwatch shows nothing, and only the driver can count rx_missed_errors.',
    explainedBy: '10 frames for a ring of 4; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)', 'return skb.free()'],
  },
  {
    name: 'not-ready',
    inKernel:
      'The loss is invisible. __dev_forward_skb, which veth calls, increments rx_dropped of the device that is down, and frees the frame by kfree_skb.',
    explainedBy: '3 frames for an interface that is down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)', 'return skb.free()'],
  },
  {
    name: 'not-sent',
    inKernel:
      'ndo_start_xmit returns NETDEV_TX_OK, so the stack takes the frame for sent. Only tx_dropped, which the driver itself counts, and kfree_skb_reason can show the loss.',
    explainedBy: 'a frame of another protocol; dropped by sl0: nothing; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.free()'],
  },
  {
    name: 'stopped',
    inKernel:
      'Many drivers empty their receive ring so: frames that the card has received are in no statistics of the interface, and the two ends of a cable disagree after a down.',
    explainedBy: '3 frames in the ring, which went down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['    netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)\n', '    skb.free()\n'],
  },
  {
    name: 'counted-by-the-sender',
    inKernel:
      'A real sender cannot know that the other card had no place: the count belongs in rx_missed_errors of the receiver, and elsewhere people look at the wrong machine.',
    explainedBy: 'dropped by sl0: FULL_RING 6; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)', 'return skb.drop(SKB_DROP_REASON_FULL_RING)'],
  },
  {
    name: 'counted-by-the-receiver',
    inKernel:
      'rx_dropped of the receiver has frames that never left the sender: people suspect the cable and the other host, and the statistics of the sender look clean.',
    explainedBy: 'dropped by sl0: nothing; by sl1: UNHANDLED_PROTO 1, NEIGH 1',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return netifRxDrop(skb, peer, reason)'],
  },
  {
    name: 'purge',
    inKernel:
      'Since Linux 6.6 skb_queue_purge frees frames with SKB_DROP_REASON_QUEUE_PURGE, which dropwatch shows, but no device counts them: the driver must add to rx_dropped.',
    explainedBy: 'dropped by sl0: DEV_STOPPED 3; by sl1: nothing',
    replace: [
      `  for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {
    netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)
  }
`,
      '  ring.purge(SKB_DROP_REASON_DEV_STOPPED)\n',
    ],
  },
  {
    name: 'no-reason',
    inKernel:
      'kfree_skb is kfree_skb_reason with SKB_DROP_REASON_NOT_SPECIFIED: the tracepoint skb:kfree_skb has the place where the frame was freed, but not why.',
    explainedBy: 'dropped by sl0: NOT_SPECIFIED 2; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.drop()'],
  },
  {
    name: 'wrong-reason',
    inKernel:
      'if_link.h has a lack of buffer space in rx_missed_errors, and frames larger than their buffers in rx_over_errors: people look at the MTU, not at a slow host.',
    explainedBy: 'dropped by sl0: nothing; by sl1: RX_OVER 6',
    replace: [
      [
        'return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)',
        'return netifRxDrop(skb, dev, SKB_DROP_REASON_RX_OVER)',
      ],
      ['  SKB_DROP_REASON_FULL_RING,\n', '  SKB_DROP_REASON_RX_OVER,\n'],
    ],
  },
  {
    name: 'counts-twice',
    inKernel:
      'In a kernel this count is right, because kfree_skb_reason adds to no statistics of a device. Here netifRxDrop counts already, and one lost frame is two.',
    explainedBy: 'FULL_RING 6, and rx_missed_errors is 12',
    replace: [
      [
        'if (!priv.ring.push(skb)) return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)',
        `if (!priv.ring.push(skb)) {
    dev.counters.count(0, RX_MISSED_ERRORS)
    return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)
  }`,
      ],
      ['  Ring,\n', '  Ring,\n  RX_MISSED_ERRORS,\n'],
    ],
  },
]
