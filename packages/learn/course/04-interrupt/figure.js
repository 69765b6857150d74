export const figure = {
  title: 'Two rings, a status word and an interrupt',
  size: [42, 57],
  shapes: [
    { box: 'kernel', near: true, at: [1, 1, 40, 4] },
    {
      arrow: [
        [8, 5],
        [8, 10],
      ],
      lane: 'away',
    },
    { text: 'ndoStartXmit', at: [9, 7.25], lane: 'away' },
    {
      arrow: [
        [33, 10],
        [33, 5],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [32, 7.25], lane: 'toward', anchor: 'end' },
    { box: 'startXmit', lines: ['push', 'kick'], at: [1, 10, 14, 9], lane: 'away' },
    {
      box: 'interrupt',
      lines: ['acknowledge', 'RX_READY: take', 'TX_DONE: wake'],
      at: [23, 10, 18, 11],
      lane: 'toward',
    },
    { text: 'wake', at: [19, 13.5], anchor: 'middle', lane: 'away' },
    {
      arrow: [
        [23, 15],
        [15, 15],
      ],
      lane: 'away',
    },
    { group: '', at: [1, 26, 35.5, 22] },
    {
      arrow: [
        [8, 19],
        [8, 29],
      ],
      lane: 'away',
    },
    { text: 'the board', at: [18.5, 28], tone: 'muted', anchor: 'middle' },
    { ring: 8, filled: 3, at: [8, 34.5, 5.5], lane: 'away', part: 'board.tx' },
    { text: 'tx', at: [8, 34.5], anchor: 'middle' },
    { text: 'delay', at: [18.5, 33], anchor: 'middle', tone: 'muted' },
    {
      arrow: [
        [13.5, 34.5],
        [23.5, 34.5],
      ],
    },
    { ring: 8, filled: 2, at: [29, 34.5, 5.5], lane: 'toward', part: 'board.rx' },
    { text: 'rx', at: [29, 34.5], anchor: 'middle' },
    {
      arrow: [
        [29, 29],
        [29, 21],
      ],
      lane: 'toward',
    },
    { text: 'status', at: [2.5, 44] },
    { box: '', lines: ['TX_DONE'], at: [10, 42, 10, 4] },
    { box: '', lines: ['RX_READY'], at: [20, 42, 10, 4] },
    {
      line: [
        [30, 44],
        [39.5, 44],
      ],
    },
    {
      arrow: [
        [39.5, 50],
        [39.5, 21],
      ],
    },
    { bolt: [39.5, 31] },
    { text: 'irq.raise', at: [38.5, 23.5], anchor: 'end', tone: 'muted' },
    { box: 'another card', lines: ['not ours: IRQ_NONE'], at: [21, 50, 20, 6] },
  ],
}
