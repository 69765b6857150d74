export const figure = {
  title: 'A host that is found',
  size: [42, 56],
  shapes: [
    { box: 'kernel', lines: ['198.18.0.1'], near: true, at: [1, 1, 40, 6] },
    {
      arrow: [
        [10.5, 7],
        [10.5, 17],
      ],
      lane: 'away',
    },
    { dot: [10.5, 12], lane: 'away' },
    { text: 'to all: who has', at: [12, 10.25] },
    { text: '198.18.0.2?', at: [12, 12.5] },
    { group: 'the host, 198.18.0.2', at: [1, 17, 40, 38] },
    { box: 'receive', lines: ['for me, or all?'], at: [3, 21, 17, 6], lane: 'away' },
    {
      arrow: [
        [20, 24],
        [25, 24],
      ],
      lane: 'drop',
    },
    { text: 'OTHERHOST', at: [26, 24.5], lane: 'drop' },
    {
      arrow: [
        [11.5, 27],
        [11.5, 33],
      ],
      lane: 'away',
    },
    {
      box: 'receiveArp',
      lines: ['op 1, and tpa', 'is ADDRESS?'],
      at: [3, 33, 17, 8],
      lane: 'away',
    },
    {
      arrow: [
        [20, 39],
        [25, 39],
      ],
      lane: 'drop',
    },
    { text: 'dropped', at: [26, 39.5], lane: 'drop' },
    {
      arrow: [
        [11.5, 41],
        [11.5, 46],
      ],
    },
    { box: 'the reply', lines: ['02:00:00:00:00:09'], at: [3, 46, 20, 6], lane: 'toward' },
    {
      arrow: [
        [23, 49],
        [38.5, 49],
        [38.5, 7],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [37, 14.75], lane: 'toward', anchor: 'end' },
  ],
}
