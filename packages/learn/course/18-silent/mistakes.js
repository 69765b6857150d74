// @ts-check

/**
 * The drops of the driver that learners get, each alone, and mistakes that they make, as changes of
 * the solution: each is found by a check, and the text is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'no-room',
    step: 2,
    inKernel:
      'consume_skb means that the frame has done its work: it fires no skb:kfree_skb, dropwatch shows nothing, and only the driver can count rx_missed_errors.',
    explainedBy: '10 frames for a ring of 4; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)', 'return skb.free()'],
  },
  {
    name: 'not-ready',
    step: 2,
    inKernel:
      'The loss is invisible. __dev_forward_skb, which veth calls, increments rx_dropped of the device that is down, and frees the frame by kfree_skb.',
    explainedBy: '3 frames for an interface that is down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['return netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)', 'return skb.free()'],
  },
  {
    name: 'not-sent',
    step: 2,
    inKernel:
      'ndo_start_xmit returns NETDEV_TX_OK, so the stack takes the frame for sent. Only tx_dropped, which the driver itself counts, and kfree_skb_reason can show the loss.',
    explainedBy: 'a frame of another protocol; dropped by sl0: nothing; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.free()'],
  },
  {
    name: 'stopped',
    step: 2,
    inKernel:
      'Many drivers empty their receive ring so: frames that the card has received are in no statistics of the interface, and the two ends of a cable disagree after a down.',
    explainedBy: '3 frames in the ring, which went down; dropped by sl0: nothing; by sl1: nothing',
    replace: ['    netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_STOPPED)\n', '    skb.free()\n'],
  },
  {
    name: 'counted-by-the-sender',
    step: 2,
    inKernel:
      'A real sender cannot know that the other card had no place: the count belongs in rx_missed_errors of the receiver, and elsewhere people look at the wrong machine.',
    explainedBy: 'dropped by sl0: FULL_RING 6; by sl1: nothing',
    replace: [
      'return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)',
      'return skb.drop(SKB_DROP_REASON_FULL_RING)',
    ],
  },
  {
    name: 'counted-by-the-receiver',
    step: 2,
    inKernel:
      'rx_dropped of the receiver has frames that never left the sender: people suspect the cable and the other host, and the statistics of the sender look clean.',
    explainedBy: 'dropped by sl0: nothing; by sl1: UNHANDLED_PROTO 1, NEIGH 1',
    replace: [
      'if (reason !== 0) return skb.drop(reason)',
      'if (reason !== 0) return netifRxDrop(skb, peer, reason)',
    ],
  },
  {
    name: 'purge',
    step: 2,
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
    step: 2,
    inKernel:
      'kfree_skb is kfree_skb_reason with SKB_DROP_REASON_NOT_SPECIFIED: the tracepoint skb:kfree_skb has the place where the frame was freed, but not why.',
    explainedBy: 'dropped by sl0: NOT_SPECIFIED 2; by sl1: nothing',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.drop()'],
  },
  {
    name: 'wrong-reason',
    step: 2,
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
    step: 2,
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
  {
    name: 'groups-are-free',
    step: 2,
    inKernel:
      'consume_skb counts nothing: neighbour discovery and DHCP stop working, and no counter says where.',
    explainedBy: 'a frame to a group: nothing arrived',
    replace: [
      '  arrives(skb, peer)\n',
      '  if ((bytes[data] & 1) === 1) return skb.free()\n  arrives(skb, peer)\n',
    ],
  },
  {
    name: 'long-frames-are-free',
    step: 2,
    inKernel:
      'A frame that is longer than a buffer belongs in rx_length_errors: a ping works, and every download hangs.',
    explainedBy: 'a frame of 1514 bytes: nothing arrived',
    replace: [
      '  arrives(skb, peer)\n',
      '  if (skb.len > 1000) return skb.free()\n  arrives(skb, peer)\n',
    ],
  },
  {
    name: 'pushes-out-the-oldest',
    step: 2,
    inKernel:
      'The card has written to that descriptor already: what is dropped is what found no place. Else each burst costs the frames that a poll was about to take.',
    explainedBy: 'a frame that has a place keeps it',
    replace: [
      '  if (!priv.ring.push(skb)) return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)\n',
      `  if (!priv.ring.push(skb)) {
    const oldest = priv.ring.shift()
    if (oldest !== undefined) netifRxDrop(oldest, dev, SKB_DROP_REASON_FULL_RING)
    priv.ring.push(skb)
  }
`,
    ],
  },
  {
    name: 'deleted-is-free',
    step: 2,
    inKernel:
      'veth counts a frame without a peer as dropped; consume_skb would make a missing cable look like success.',
    explainedBy: 'the other device was deleted, then 3 frames; dropped: nothing',
    replace: [
      'if (peer === undefined) return skb.drop(SKB_DROP_REASON_DEV_READY)',
      'if (peer === undefined) return skb.free()',
    ],
  },
  {
    name: 'groups-for-a-full-ring-are-free',
    step: 2,
    inKernel:
      'Multicast may be lost, as all of UDP: but the sum of both ends no longer adds up, and the search begins anew.',
    explainedBy: 'once each',
    replace: [
      '  if (!priv.ring.push(skb)) return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)\n',
      `  if (!priv.ring.push(skb)) {
    if ((skb.bytes[skb.data] & 1) === 1) return skb.free()
    return netifRxDrop(skb, dev, SKB_DROP_REASON_FULL_RING)
  }
`,
    ],
  },
  {
    name: 'groups-for-an-end-that-is-down-are-free',
    step: 2,
    inKernel:
      '__dev_forward_skb counts rx_dropped for each frame that finds the device down, whatever its address.',
    explainedBy: 'once each',
    replace: [
      '  if (!netifRunning(dev)) return netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)\n',
      `  if (!netifRunning(dev)) {
    if ((skb.bytes[skb.data] & 1) === 1) return skb.free()
    return netifRxDrop(skb, dev, SKB_DROP_REASON_DEV_READY)
  }
`,
    ],
  },
]
