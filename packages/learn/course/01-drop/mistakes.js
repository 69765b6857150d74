// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'after-drop',
    step: 1,
    inKernel:
      'skb->len is read from memory that kfree_skb has freed and that may have another owner by now; KASAN reports a use-after-free.',
    explainedBy: 'debug: use-after-free',
    replace: [
      `dev.priv.bytes += skb.len
  skb.drop()`,
      `skb.drop()
  dev.priv.bytes += skb.len`,
    ],
  },
  {
    name: 'arp',
    step: 4,
    inKernel:
      'The kernel asks for each address by ARP; as nothing replies, the neighbour entry fails after three requests, and senders get EHOSTUNREACH.',
    explainedBy: 'dev.flags has no IFF_NOARP',
    replace: ['dev.flags |= IFF_NOARP', ''],
  },
  {
    name: 'data-bytes',
    step: 3,
    inKernel:
      'skb->len has the Ethernet header here, and statistics.rst counts it in tx_bytes: yours would be 14 bytes for each frame below the counters of other drivers.',
    explainedBy: 'dev.priv.bytes is',
    replace: ['dev.priv.bytes += skb.len', 'dev.priv.bytes += skb.len - 14'],
  },
  {
    name: 'frees',
    step: 1,
    inKernel:
      'consume_skb fires another tracepoint than kfree_skb, so tools that watch drops see none; neither counts tx_dropped, which the driver does.',
    explainedBy: 'tx_dropped is 0 after 3 frames',
    replace: ['skb.drop()', 'skb.free()'],
  },
  {
    name: 'leaks-others',
    step: 1,
    inKernel:
      'Each such frame is lost memory until the next boot, and remains charged to the socket that sent it: its send buffer fills up.',
    explainedBy: '2 frames are still held',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return undefined',
    ],
  },
  {
    name: 'no-reason',
    step: 2,
    inKernel:
      'The tracepoint skb:kfree_skb reports NOT_SPECIFIED for these drops, and an administrator learns only the address of the code.',
    explainedBy: 'NOT_SPECIFIED 5',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop()',
    ],
  },
  {
    name: 'twice',
    step: 1,
    inKernel:
      'The sk_buff is freed twice, so its memory may get two owners, which overwrite each other; KASAN reports a use-after-free.',
    explainedBy: 'skb_drop on a freed frame',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
    ],
  },
  {
    name: 'assigns-flags',
    step: 4,
    inKernel:
      'The assignment clears IFF_BROADCAST and IFF_MULTICAST, which ether_setup has set: ip link shows neither, and the kernel takes the interface for one without broadcast and multicast.',
    explainedBy: 'no longer IFF_BROADCAST',
    replace: ['dev.flags |= IFF_NOARP', 'dev.flags = IFF_NOARP'],
  },
  {
    name: 'arp-and-ipv6-only',
    step: 2,
    inKernel:
      'A list of what is not IPv4 is never complete: LLDP, VLAN tags and whatever comes next year count as IPv4.',
    explainedBy: 'all that is not IPv4, whatever it is',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if ([0x0806, 0x86dd].includes(ethTypeTrans(skb, dev))) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
    ],
  },
  {
    name: 'groups-are-free',
    step: 1,
    inKernel:
      'consume_skb counts as a delivery: the multicast that this interface loses is in no counter, and its listeners are blamed.',
    explainedBy: 'these are IPv4 frames like the others',
    replace: [
      '  skb.drop()\n',
      '  if ((skb.bytes[skb.data] & 1) === 1) skb.free()\n  else skb.drop()\n',
    ],
  },
  {
    name: 'fixed-length',
    step: 3,
    inKernel:
      'rx_bytes and tx_bytes are what people divide by the time: with a constant in place of skb->len a full link looks idle.',
    explainedBy: 'each IPv4 frame counts, with its own length',
    replace: ['dev.priv.bytes += skb.len', 'dev.priv.bytes += 60'],
  },
  {
    name: 'unicast-only',
    step: 3,
    inKernel:
      'Multicast and broadcast are packets of the interface, too: the counters no longer fit those of tcpdump.',
    explainedBy: 'each IPv4 frame counts, with its own length',
    replace: ['dev.priv.frames++\n', 'if ((skb.bytes[skb.data] & 1) === 0) dev.priv.frames++\n'],
  },
  {
    name: 'module-counters',
    step: 3,
    inKernel:
      'A static variable of a module belongs to all its devices: with two cards, each shows the traffic of both.',
    explainedBy: 'and one on another device, dev.priv.frames is',
    replace: [
      ['function init() {', 'const counters = { frames: 0, bytes: 0 }\n\nfunction init() {'],
      ['priv: { frames: 0, bytes: 0 }', 'priv: counters'],
    ],
  },
  {
    name: 'other-name',
    inKernel:
      'Names are an interface of the system: systemd, scripts and firewalls that wait for drop0 never see it.',
    explainedBy: 'devices: null0',
    replace: ["name: 'drop%d'", "name: 'null%d'"],
  },
]
