// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'after-drop',
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
    inKernel:
      'The kernel asks for each address by ARP; as nothing replies, the neighbour entry fails after three requests, and senders get EHOSTUNREACH.',
    explainedBy: 'dev.flags has no IFF_NOARP',
    replace: ['dev.flags |= IFF_NOARP', ''],
  },
  {
    name: 'data-bytes',
    inKernel:
      'skb->len has the Ethernet header here, and statistics.rst counts it in tx_bytes: yours would be 14 bytes for each frame below the counters of other drivers.',
    explainedBy: 'dev.priv.bytes is',
    replace: ['dev.priv.bytes += skb.len', 'dev.priv.bytes += skb.len - 14'],
  },
  {
    name: 'frees',
    inKernel:
      'consume_skb fires another tracepoint than kfree_skb, so tools that watch drops see none; neither counts tx_dropped, which the driver does.',
    explainedBy: 'tx_dropped is 0 after 3 frames',
    replace: ['skb.drop()', 'skb.free()'],
  },
  {
    name: 'leaks-others',
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
    inKernel:
      'The assignment clears IFF_BROADCAST and IFF_MULTICAST, which ether_setup has set: ip link shows neither, and the kernel takes the interface for one without broadcast and multicast.',
    explainedBy: 'no longer IFF_BROADCAST',
    replace: ['dev.flags |= IFF_NOARP', 'dev.flags = IFF_NOARP'],
  },
]
