export const figure = {
  title: 'A descriptor on its way round the ring',
  size: [42, 55],
  shapes: [
    { box: 'xmitFrame', lines: ['map', 'descriptor', 'TDT'], at: [2, 2, 15, 11], lane: 'away' },
    { box: 'cleanTxIrq', lines: ['DD?', 'unmap', 'free'], at: [26, 2, 15, 11], lane: 'toward' },
    { ring: 12, filled: 5, at: [21, 24.5, 7.5], lane: 'away', part: 'tx ring' },
    { text: 'ring', at: [21, 24.5], anchor: 'middle' },
    {
      arrow: [
        [6, 13],
        [6, 23],
        [13, 23],
      ],
      lane: 'away',
    },
    { text: 'nextToUse', at: [1, 26], lane: 'away' },
    {
      arrow: [
        [29, 23],
        [36, 23],
        [36, 13],
      ],
      lane: 'toward',
    },
    { text: 'nextToClean', at: [34, 16], lane: 'toward', anchor: 'end' },
    { group: 'the card', at: [1, 37, 40, 12] },
    { box: 'transmitter', lines: ['TDH to TDT'], at: [12, 39, 18, 7] },
    {
      arrow: [
        [19, 32],
        [19, 39],
      ],
    },
    { text: 'reads', at: [18, 34.5], anchor: 'end' },
    {
      arrow: [
        [24, 39],
        [24, 32],
      ],
    },
    { text: 'DD, by DMA', at: [25, 34.5] },
    {
      arrow: [
        [21, 46],
        [21, 53],
      ],
      lane: 'away',
    },
    { text: 'the cable', at: [22.5, 52], lane: 'away' },
    {
      arrow: [
        [30, 42],
        [40, 42],
        [40, 13],
      ],
      lane: 'warn',
    },
    { bolt: [40, 30] },
    { text: 'TXDW', at: [39, 31.5], lane: 'warn', anchor: 'end' },
  ],
}
