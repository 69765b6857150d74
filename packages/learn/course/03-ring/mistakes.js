// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'drops-too',
    step: 1,
    inKernel:
      'The ring holds a pointer to a freed sk_buff, and the timer hands it to the network stack: a use-after-free.',
    explainedBy: 'use-after-free: shift() of a frame that was freed',
    replace: [
      'skb.hold()',
      `skb.hold()
  skb.drop()`,
    ],
  },
  {
    name: 'drops-when-full',
    step: 3,
    inKernel:
      'Frames are lost that the qdisc would have kept, and TCP takes the loss for congestion and slows down.',
    explainedBy: 'dropped: NOT_SPECIFIED 2',
    replace: [
      `ring.push(skb)
  skb.hold()
  if (ring.length === ring.capacity) {
    dev.txq(skb).stop()
  }`,
      `if (!ring.push(skb)) return skb.drop()
  skb.hold()`,
    ],
  },
  {
    name: 'nanoseconds',
    step: 1,
    inKernel:
      'mod_timer counts in jiffies and checks no unit: a delay in another one is wrong by orders of magnitude. msecs_to_jiffies converts.',
    explainedBy: 'came back after less than 10 ms',
    replace: [
      'alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)',
      'alarm.at(dev.net.clock.now() + params.delay)',
    ],
  },
  {
    name: 'no-cancel',
    step: 4,
    inKernel:
      'The timer expires after ndo_stop, and its function works on a device that is down, or after rmmod on memory that is free.',
    explainedBy: 'the alarm is still armed after ndoStop',
    replace: [
      `const { alarm, ring } = dev.priv
  netifTxStopAllQueues(dev)
  alarm.cancel()`,
      `const { ring } = dev.priv
  netifTxStopAllQueues(dev)`,
    ],
  },
  {
    name: 'no-purge',
    step: 4,
    inKernel:
      'The frames remain in memory until the interface comes up again, and are leaked if the device is unregistered first.',
    explainedBy: '3 frames are still held after ndoStop',
    replace: ['ring.purge(SKB_DROP_REASON_DEV_STOPPED)', ''],
  },
  {
    name: 'no-stop',
    step: 3,
    inKernel:
      'A list without a limit takes memory as fast as programs send; a ring of fixed size overwrites a frame that the card has not sent.',
    explainedBy: 'the queue is not stopped',
    replace: [
      `  if (ring.length === ring.capacity) {
    dev.txq(skb).stop()
  }`,
      '',
    ],
  },
  {
    name: 'no-wake',
    step: 3,
    inKernel:
      'The queue is stopped for ever: the qdisc fills up and drops, and NETDEV WATCHDOG is logged if the driver has an ndo_tx_timeout.',
    explainedBy: 'of 10 frames 4 came back; the queue is still stopped',
    replace: ['netifTxWakeAllQueues(dev)', ''],
  },
  {
    name: 'one-at-a-time',
    step: 2,
    inKernel:
      'Each expiry takes one frame out while more come in: the ring fills up, and every frame waits for the traffic that follows.',
    explainedBy: 'these were back: 1',
    replace: [
      'for (let skb = ring.shift(); skb !== undefined; skb = ring.shift()) {',
      `const skb = ring.shift()
  if (skb !== undefined) {`,
    ],
  },
  {
    name: 'puts-off',
    step: 1,
    inKernel:
      'mod_timer moves a timer that is pending: under a steady stream it does not expire until the ring is full or the stream pauses.',
    explainedBy: 'the second frame must not put the alarm off',
    replace: [
      `if (priv.busy) return
  priv.busy = true`,
      '',
    ],
  },
  {
    name: 'module-busy',
    step: 1,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function open(dev) {', 'let busy = false\nfunction open(dev) {'],
      [
        `dev.priv.busy = false
  ring.purge`,
        `busy = false
  ring.purge`,
      ],
      [
        `if (priv.busy) return
  priv.busy = true`,
        `if (busy) return
  busy = true`,
      ],
      [
        `dev.priv.busy = false
  for`,
        `busy = false
  for`,
      ],
    ],
  },
  {
    name: 'periodic',
    step: 1,
    inKernel:
      'The timer wakes the CPU for ever, idle or not, and a frame that arrives between two ticks waits less than the delay.',
    explainedBy: 'the first frame in the ring, which arms the alarm',
    replace: [
      'netifTxWakeAllQueues(dev)',
      `netifTxWakeAllQueues(dev)
  dev.priv.busy = true
  dev.priv.alarm.at(dev.net.clock.now() + dev.priv.params.delay * NSEC_PER_MSEC)`,
    ],
  },
  {
    name: 'relative',
    step: 1,
    inKernel:
      'mod_timer takes a time in jiffies, not a delay: a small number is a time long past, and the timer expires at the next tick.',
    explainedBy: 'came back before 24 ms',
    replace: [
      'alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)',
      'alarm.at(params.delay * NSEC_PER_MSEC)',
    ],
  },
  {
    name: 'set-timeout',
    step: 1,
    inKernel:
      'The counterpart is schedule_delayed_work without cancel_delayed_work_sync in ndo_stop: the work runs after the interface went down, or after rmmod, in code that was unloaded.',
    explainedBy: 'no alarm was armed',
    replace: [
      'alarm.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)',
      'setTimeout(() => arrived(dev), params.delay)',
    ],
  },
  {
    name: 'starts',
    step: 3,
    inKernel:
      'netif_tx_start_queue only clears a bit; netif_tx_wake_queue also schedules the qdisc. Packets that wait in it are sent when the next one comes.',
    explainedBy: 'started by arrived',
    replace: ['netifTxWakeAllQueues(dev)', 'netifTxStartAllQueues(dev)'],
  },
  {
    name: 'stays-busy',
    step: 4,
    inKernel:
      'After down and up the driver takes the timer for pending and never arms it: frames go in, none comes out, and nothing is logged.',
    explainedBy: 'it never came back',
    replace: [
      `alarm.cancel()
  dev.priv.busy = false`,
      'alarm.cancel()',
    ],
  },
  {
    name: 'stops-late',
    step: 3,
    inKernel:
      'driver.rst calls NETDEV_TX_BUSY a hard error; the kernel sends the same frame again, and the addresses that were swapped are swapped back.',
    explainedBy: 'stop the queue with frame 4',
    replace: [
      [
        'SKB_DROP_REASON_UNHANDLED_PROTO,',
        `SKB_DROP_REASON_UNHANDLED_PROTO,
  NETDEV_TX_BUSY,`,
      ],
      [
        `ring.push(skb)
  skb.hold()
  if (ring.length === ring.capacity) {
    dev.txq(skb).stop()
  }`,
        `if (!ring.push(skb)) {
    dev.txq(skb).stop()
    return NETDEV_TX_BUSY
  }
  skb.hold()`,
      ],
    ],
  },
  {
    name: 'stops-early',
    step: 3,
    inKernel:
      'Some drivers keep one place free on purpose, to tell a full ring from an empty one; without that reason it is a place that you pay for and never use.',
    explainedBy: 'the driver has 3 frames',
    replace: ['ring.length === ring.capacity', 'ring.length === ring.capacity - 1'],
  },
  {
    name: 'writes-after-push',
    step: 1,
    inKernel:
      'The card, or its completion on another CPU, may have freed the sk_buff already: a use after free, which KASAN reports and others see as corrupted memory.',
    explainedBy: 'after ring.push(skb), skb.priority was written',
    replace: ['  skb.hold()\n', '  skb.hold()\n  skb.priority = 7\n'],
  },
  {
    name: 'queue-runs-on',
    step: 4,
    inKernel:
      'ndo_stop itself is safe, because dev_deactivate_many has run before it; called to reset a card that is up, the same function races with ndo_start_xmit. So drivers call netif_tx_disable first.',
    explainedBy: 'when ndoStop had returned, the queue was not stopped',
    replace: ['netifTxStopAllQueues(dev)\n', ''],
  },
  {
    name: 'busy-for-ever',
    step: 2,
    inKernel:
      'timer_pending would know: a flag of the driver says that the timer is armed after it has expired, and no frame follows the first.',
    explainedBy: 'busy ends when it rings',
    replace: ['dev.priv.busy = false\n  for', 'for'],
  },
  {
    name: 'fixed-delay',
    step: 1,
    inKernel:
      'modinfo and sysfs show a parameter that nothing reads: it can be set, and changes nothing.',
    explainedBy: 'the delay is dev.priv.params.delay',
    replace: ['params.delay * NSEC_PER_MSEC', '10 * NSEC_PER_MSEC'],
  },
  {
    name: 'fixed-slots',
    step: 3,
    inKernel:
      'ethtool -G changes the size of a ring: with a constant in its place, half of it is never used.',
    explainedBy: 'ring.capacity is the number of places',
    replace: ['ring.length === ring.capacity', 'ring.length === 4'],
  },
  {
    name: 'frees-others',
    step: 1,
    inKernel:
      'consume_skb says that the frame was sent: neither tx_dropped nor the tracepoint shows the loss.',
    explainedBy: 'reflect returns the reason for skb.drop',
    replace: ['if (reason !== 0) return skb.drop(reason)', 'if (reason !== 0) return skb.free()'],
  },
]
