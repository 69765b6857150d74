// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'after-hand-over',
    explainedBy: 'use-after-hand-over',
    replace: [
      'netifRx(skb)',
      `netifRx(skb)
  skb.bytes[skb.data] |= 0`,
    ],
  },
  {
    name: 'drops-after',
    explainedBy: 'skb_drop on a frame that the kernel was given already',
    replace: [
      'netifRx(skb)',
      `netifRx(skb)
  skb.drop()`,
    ],
  },
  {
    name: 'group',
    explainedBy: 'a frame to 224.0.0.1 (01:00:5e:00:00:01) came back',
    replace: [
      'if (skb.pktType === PACKET_BROADCAST || skb.pktType === PACKET_MULTICAST) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE',
      '',
    ],
  },
  {
    name: 'header-counted',
    explainedBy: 'whose last 4 bytes are missing came back',
    replace: [
      'if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR',
      'if (ipv4.parse(bytes, nh, skb.len) < 0) return SKB_DROP_REASON_IP_INHDR',
    ],
  },
  {
    name: 'no-mac',
    explainedBy: 'came back from 02:00:00:00:00:77 to',
    replace: ['ethernet.swapAddresses(bytes, skb.data)', ''],
  },
  {
    name: 'offset-of-memory',
    explainedBy: 'positions from skb.data on',
    replace: ['ethernet.swapAddresses(bytes, skb.data)', 'ethernet.swapAddresses(bytes, 0)'],
  },
  {
    name: 'overwritten',
    explainedBy: 'came back with destination 198.18.0.9',
    replace: [
      `const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)`,
      `ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, ipv4.source(bytes, nh))`,
    ],
  },
  {
    name: 'past-the-end',
    explainedBy: '4 bytes were read after its end',
    replace: ['if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR', ''],
  },
  {
    name: 'source-only',
    explainedBy: 'came back with destination 198.18.0.9',
    replace: [
      `const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)`,
      'ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))',
    ],
  },
  {
    name: 'ttl',
    explainedBy: 'byte 22 came back as 63',
    replace: [
      'ethernet.swapAddresses(bytes, skb.data)',
      `bytes[nh + 8]-- // a router would
  ethernet.swapAddresses(bytes, skb.data)`,
    ],
  },
  {
    name: 'no-broadcast',
    explainedBy: 'a frame to 198.18.0.255 (ff:ff:ff:ff:ff:ff) came back',
    replace: ['skb.pktType === PACKET_BROADCAST || ', ''],
  },
]
