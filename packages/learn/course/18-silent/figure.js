export const figure = {
  title: 'Who counts a frame',
  size: [42, 66],
  shapes: [
    { group: 'sl0, 198.18.0.1', at: [1, 1, 40, 12] },
    { box: 'startXmit', lines: ['flipNetwork'], at: [3, 5, 15, 6], lane: 'away' },
    {
      arrow: [
        [18, 8],
        [24, 8],
      ],
      lane: 'drop',
    },
    { box: 'skb.drop', lines: ['sl0 counts'], at: [24, 5, 15, 6], lane: 'drop' },
    {
      arrow: [
        [10.5, 11],
        [10.5, 19],
      ],
      lane: 'away',
    },
    { dot: [10.5, 15], lane: 'away' },
    { text: 'on its way', at: [12, 15] },
    { group: 'sl1, 198.18.1.2', at: [1, 19, 40, 31] },
    { box: 'arrives', lines: ['up? a place?'], at: [3, 24, 15, 6], lane: 'toward' },
    {
      arrow: [
        [18, 27],
        [24, 27],
      ],
      lane: 'drop',
    },
    { box: 'netifRxDrop', lines: ['sl1 counts'], at: [24, 24, 15, 9], lane: 'drop' },
    {
      arrow: [
        [10.5, 30],
        [10.5, 37],
      ],
      lane: 'toward',
    },
    { ring: 12, filled: 4, at: [10.5, 42.5, 5.5], lane: 'toward' },
    { text: 'ring', at: [10.5, 42.5], anchor: 'middle' },
    {
      arrow: [
        [15.75, 41],
        [20.5, 41],
        [20.5, 31],
        [24, 31],
      ],
      lane: 'drop',
    },
    { text: 'stop', at: [19.5, 36], lane: 'drop', anchor: 'end' },
    {
      arrow: [
        [15.75, 44],
        [24, 44],
      ],
    },
    { bolt: [20.5, 44] },
    { box: 'interrupt', lines: ['until ring', 'is empty'], at: [24, 38, 15, 9], lane: 'toward' },
    {
      arrow: [
        [31.5, 47],
        [31.5, 54],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [30, 52], lane: 'toward', anchor: 'end' },
    { box: 'kernel', lines: ['sl1 counts: rx_packets'], near: true, at: [1, 54, 40, 6] },
    { text: 'tx_packets of sl0: the sum of all', at: [21, 63], anchor: 'middle', tone: 'muted' },
  ],
}
