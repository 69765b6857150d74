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
    {
      ring: 12,
      from: 2.5,
      filled: 6,
      pointers: [{ lane: 'toward' }, {}],
      at: [21, 24.5, 7.5],
      lane: 'toward',
    },
    { text: 'ring', at: [21, 24.5], anchor: 'middle' },
    {
      line: [
        [6, 13],
        [6, 24.5],
        [12.5, 24.5],
      ],
    },
    { text: 'nextToUse', at: [7, 16] },
    { text: 'RDT', at: [7, 18.25] },
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
    { box: 'receiver', lines: ['RDH to RDT'], at: [12, 39, 18, 7] },
    {
      arrow: [
        [21, 39],
        [21, 32],
      ],
      lane: 'toward',
    },
    { text: 'RDH', at: [20, 34.5], lane: 'toward', anchor: 'end' },
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
