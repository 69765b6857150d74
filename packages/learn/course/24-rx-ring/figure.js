export const figure = {
  title: 'Buffers that wait for frames',
  size: [42, 57],
  shapes: [
    { box: 'allocRxBuffers', lines: ['map', 'status 0', 'RDT'], at: [2, 2, 17, 11] },
    {
      box: 'cleanRxIrq',
      lines: ['DD? dmaRmb', 'unmap', 'netifRx'],
      at: [25, 2, 16, 11],
      lane: 'toward',
    },
    {
      arrow: [
        [25, 7.5],
        [19, 7.5],
      ],
    },
    { ring: 12, filled: 4, at: [21, 24.5, 7.5], lane: 'toward', part: 'rx ring' },
    { text: 'ring', at: [21, 24.5], anchor: 'middle' },
    {
      arrow: [
        [6, 13],
        [6, 23],
        [13, 23],
      ],
    },
    { text: 'nextToUse', at: [1, 26] },
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
    { box: 'receiver', lines: ['RDH to RDT'], at: [12, 39, 18, 7] },
    {
      arrow: [
        [21, 39],
        [21, 32],
      ],
      lane: 'toward',
    },
    { text: 'frame, length, DD', at: [22.5, 34.5], lane: 'toward' },
    {
      arrow: [
        [21, 55],
        [21, 46],
      ],
      lane: 'toward',
    },
    { text: 'the cable', at: [22.5, 52.5], lane: 'toward' },
    {
      arrow: [
        [30, 42],
        [39.5, 42],
        [39.5, 13],
      ],
      lane: 'warn',
    },
    { bolt: [39.5, 25] },
    { text: 'RXT0', at: [38.5, 27], lane: 'warn', anchor: 'end' },
  ],
}
