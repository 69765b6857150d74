export const figure = {
  title: 'Every frame ends in the driver',
  size: [42, 40],
  shapes: [
    { box: 'ping, arp, ...', lines: ['send(2)'], at: [1, 1, 23, 6] },
    {
      arrow: [
        [12, 7],
        [12, 11],
      ],
      lane: 'away',
    },
    { box: 'kernel', lines: ['routing, ARP, queue'], near: true, at: [1, 11, 23, 6] },
    {
      arrow: [
        [12, 17],
        [12, 23],
      ],
      lane: 'away',
    },
    { dot: [12, 19.5], lane: 'away' },
    { text: 'drop0: tx_packets', at: [13.5, 20], tone: 'muted' },
    {
      box: 'ndoStartXmit',
      lines: ['look, count', 'skb.drop() frees it'],
      at: [1, 23, 23, 9],
      lane: 'away',
    },
    {
      arrow: [
        [12, 32],
        [12, 36],
      ],
      lane: 'drop',
    },
    { dot: [12, 38], lane: 'drop' },
    { text: 'tx_dropped, by reason', at: [14, 38], lane: 'drop' },
    {
      arrow: [
        [24, 27.5],
        [32, 27.5],
        [32, 4],
        [24, 4],
      ],
      dashed: true,
    },
    { cut: [32, 14] },
    { text: 'nothing', at: [33.75, 13], tone: 'muted' },
    { text: 'returns', at: [33.75, 15.25], tone: 'muted' },
  ],
}
