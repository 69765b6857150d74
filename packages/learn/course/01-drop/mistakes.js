// @ts-check

/**
 * Mistakes that learners make, as changes of the solution: each is found by a check, and the text
 * is in its explanation.
 * @type {import('@vnet/learn').Mistake[]}
 */
export const mistakes = [
  {
    name: 'after-drop',
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
    explainedBy: 'dev.flags has no IFF_NOARP',
    replace: ['dev.flags |= IFF_NOARP', ''],
  },
  {
    name: 'data-bytes',
    explainedBy: 'dev.priv.bytes is',
    replace: ['dev.priv.bytes += skb.len', 'dev.priv.bytes += skb.len - 14'],
  },
  {
    name: 'frees',
    explainedBy: 'tx_dropped is 0 after 3 frames',
    replace: ['skb.drop()', 'skb.free()'],
  },
  {
    name: 'leaks-others',
    explainedBy: '2 frames are still held',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return undefined',
    ],
  },
  {
    name: 'no-reason',
    explainedBy: 'NOT_SPECIFIED 5',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop()',
    ],
  },
  {
    name: 'twice',
    explainedBy: 'skb_drop on a freed frame',
    replace: [
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) return skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
      'if (ethTypeTrans(skb, dev) !== ETH_P_IP) skb.drop(SKB_DROP_REASON_UNHANDLED_PROTO)',
    ],
  },
  {
    name: 'assigns-flags',
    explainedBy: 'no longer IFF_BROADCAST',
    replace: ['dev.flags |= IFF_NOARP', 'dev.flags = IFF_NOARP'],
  },
]
