export const figure = {
  title: 'A descriptor on its way round the ring',
  size: [42, 55],
  shapes: [
    { box: 'xmitFrame', lines: ['map', 'descriptor', 'TDT'], at: [2, 2, 15, 11], lane: 'away' },
    { box: 'cleanTxIrq', lines: ['DD?', 'unmap', 'free'], at: [26, 2, 15, 11], lane: 'toward' },
    {
      ring: 12,
      from: 2.5,
      filled: 6,
      pointers: [{ lane: 'toward' }, { lane: 'away' }],
      at: [21, 24.5, 7.5],
      lane: 'away',
    },
    { text: 'ring', at: [21, 24.5], anchor: 'middle' },
    {
      line: [
        [6, 13],
        [6, 24.5],
        [12.5, 24.5],
      ],
      lane: 'away',
    },
    { text: 'nextToUse', at: [7, 16], lane: 'away' },
    { text: 'TDT', at: [7, 18.25], lane: 'away' },
    {
      line: [
        [36, 13],
        [36, 24.5],
        [29.5, 24.5],
      ],
      lane: 'toward',
    },
    { text: 'nextToClean', at: [35, 16], lane: 'toward', anchor: 'end' },
    { group: 'the card', at: [1, 37, 40, 12] },
    { box: 'transmitter', lines: ['TDH to TDT'], at: [12, 39, 18, 7] },
    {
      arrow: [
        [21, 32],
        [21, 39],
      ],
    },
    { text: 'TDH', at: [20, 33.5], anchor: 'end' },
    { text: 'reads', at: [20, 35.5], anchor: 'end' },
    {
      arrow: [
        [24.75, 39],
        [24.75, 31],
      ],
    },
    { text: 'DD, by DMA', at: [25.75, 34.5] },
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
