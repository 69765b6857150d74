// @ts-check

/**
 * The six faults of the driver that learners get, each alone: the solution with one left in; and a
 * mistake that learners make when they repair them.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'ttl-without-checksum',
    explainedBy: 'byte 22 came back as 63, and was sent as 64',
    replace: [
      '  ipv4.swapAddresses(skb.bytes, skb.nh)\n',
      '  ipv4.swapAddresses(skb.bytes, skb.nh)\n  skb.bytes[skb.nh + TTL]--\n',
    ],
  },
  {
    name: 'counted-twice',
    explainedBy: 'the kernel received 3 frames, and rx_packets is 6',
    replace: [
      [
        'for (let skb = priv.ring.shift(); skb !== undefined; skb = priv.ring.shift()) netifRx(skb)',
        `for (let skb = priv.ring.shift(); skb !== undefined; skb = priv.ring.shift()) {
    dev.counters.count(0, RX_PACKETS)
    netifRx(skb)
  }`,
      ],
      ['  Ring,\n', '  Ring,\n  RX_PACKETS,\n'],
    ],
  },
  {
    name: 'freed',
    explainedBy: 'two packets with a TTL of 1; tx_dropped is 0',
    replace: ['< 2) return skb.drop(SKB_DROP_REASON_IP_INHDR)', '< 2) return skb.free()'],
  },
  {
    name: 'padded-past-the-end',
    explainedBy: 'a frame of 43 bytes came back with 43',
    replace: ['skb.padto(SHORTEST)', 'skb.bytes.fill(0, skb.tail, skb.data + SHORTEST)'],
  },
  {
    name: 'module-busy',
    explainedBy: 'a variable of the module is shared by all devices',
    replace: [
      ['function open(dev) {', 'let busy = false\nfunction open(dev) {'],
      ['  priv.alarm.cancel()\n  priv.busy = false\n', '  priv.alarm.cancel()\n  busy = false\n'],
      ['if (priv.busy) return\n  priv.busy = true\n', 'if (busy) return\n  busy = true\n'],
      ['  priv.busy = false\n  for (', '  busy = false\n  for ('],
    ],
  },
  {
    name: 'missed-wake',
    explainedBy: 'of 12 frames 4 came back; the queue is still stopped',
    replace: [
      [
        '  priv.busy = false\n  for (',
        '  priv.busy = false\n  const hadRoom = priv.ring.length < priv.ring.capacity\n  for (',
      ],
      ['  netifTxWakeAllQueues(dev)\n', '  if (hadRoom) netifTxWakeAllQueues(dev)\n'],
    ],
  },
  {
    name: 'busy-for-ever',
    explainedBy: 'with 2 frames in the ring the interface went down and up; of 3 frames that followed 0 came back',
    replace: ['  priv.alarm.cancel()\n  priv.busy = false\n', '  priv.alarm.cancel()\n'],
  },
]
