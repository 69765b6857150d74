// @ts-check

/**
 * The six faults of the driver that learners get, each alone: the solution with one left in; and a
 * mistake that learners make when they repair them.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'ttl-without-checksum',
    step: 2,
    inKernel:
      'ip_rcv finds that the checksum does not fit, drops the packet and counts InCsumErrors; ip_decrease_ttl changes both.',
    explainedBy: 'byte 22 came back as 63, and was sent as 64',
    replace: [
      '  ipv4.swapAddresses(skb.bytes, skb.nh)\n',
      '  ipv4.swapAddresses(skb.bytes, skb.nh)\n  skb.bytes[skb.nh + TTL]--\n',
    ],
  },
  {
    name: 'counted-twice',
    step: 2,
    inKernel: 'rx_packets is twice what the stack received: tools disagree, and rates are wrong.',
    explainedBy: 'the kernel received 3 frames, and rx_packets is 6',
    replace: [
      [
        'Ring,',
        `Ring,
  RX_PACKETS,`,
      ],
      [
        'for (let skb = priv.ring.shift(); skb !== undefined; skb = priv.ring.shift()) {',
        `for (let skb = priv.ring.shift(); skb !== undefined; skb = priv.ring.shift()) {
    dev.counters.count(0, RX_PACKETS)`,
      ],
    ],
  },
  {
    name: 'freed',
    step: 2,
    inKernel:
      'consume_skb means that the frame was delivered: no drop is counted or traced, and the loss is invisible.',
    explainedBy: 'two packets with a TTL below 2; tx_dropped is 0',
    replace: ['< 2) return skb.drop(SKB_DROP_REASON_IP_INHDR)', '< 2) return skb.free()'],
  },
  {
    name: 'padded-past-the-end',
    step: 2,
    inKernel:
      'The frame is sent as short as before, and without tailroom the zeros overwrite skb_shared_info; eth_skb_pad makes room first.',
    explainedBy: 'a frame of 43 bytes came back with 43',
    replace: ['skb.padto(SHORTEST)', 'skb.bytes.fill(0, skb.tail, skb.data + SHORTEST)'],
  },
  {
    name: 'module-busy',
    step: 2,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, one changes the state of the other, and nothing in the log says so.',
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
    step: 2,
    inKernel:
      'The queue was stopped because the ring was full, the one case that needs the wake: the interface hangs until the watchdog.',
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
    step: 2,
    inKernel:
      'The flag outlives ndo_stop: after the next ndo_open no timer is armed, frames go in, and none comes out.',
    explainedBy:
      'with 2 frames in the ring the interface went down and up; of 3 frames that followed 0 came back',
    replace: ['  priv.alarm.cancel()\n  priv.busy = false\n', '  priv.alarm.cancel()\n'],
  },
  {
    name: 'ttl-of-1-only',
    step: 2,
    inKernel:
      'ip_forward drops everything below 2: a packet with a TTL of 0 comes from a broken host, and lives on here.',
    explainedBy: '1, the one with a TTL of 2',
    replace: ['skb.bytes[skb.nh + TTL] < 2', 'skb.bytes[skb.nh + TTL] === 1'],
  },
  {
    name: 'ttl-of-2-too',
    step: 2,
    inKernel:
      'The last router of a path drops what it should forward: hosts that are one hop further away seem to be down.',
    explainedBy: 'packets with a TTL of 0, 1 and 2; 0 came back',
    replace: ['skb.bytes[skb.nh + TTL] < 2', 'skb.bytes[skb.nh + TTL] <= 2'],
  },
  {
    name: 'padded-to-59',
    step: 2,
    inKernel:
      'A frame of 59 bytes with its checksum of 4 is one byte below the 64 of IEEE 802.3: receivers count a runt.',
    explainedBy: 'came back with 59',
    replace: ['const SHORTEST = 60', 'const SHORTEST = 59'],
  },
]
