export const figure = {
  title: 'From the interrupt to the poll, and back',
  size: [42, 45],
  shapes: [
    { ring: 12, filled: 5, at: [13, 8, 6], lane: 'toward', part: 'board.rx' },
    { text: 'rx ring', at: [13, 8], anchor: 'middle' },
    {
      arrow: [
        [19, 8],
        [26, 8],
      ],
    },
    { bolt: [22.25, 8] },
    { box: 'interrupt', lines: ['acknowledge', 'mask', 'schedule'], at: [26, 2, 15, 11] },
    {
      arrow: [
        [33.5, 13],
        [33.5, 20],
      ],
    },
    { text: 'napi.schedule()', at: [32.5, 16.75], anchor: 'end' },
    {
      arrow: [
        [13, 14],
        [13, 20],
      ],
      lane: 'toward',
    },
    {
      box: 'poll',
      lines: ['netifRx for at most', 'budget frames'],
      at: [8, 20, 33, 9],
      lane: 'toward',
    },
    { text: 'fewer than budget', at: [14.5, 31.25] },
    {
      arrow: [
        [13, 29],
        [13, 37],
      ],
    },
    {
      arrow: [
        [33, 29],
        [33, 33],
        [38, 33],
        [38, 29],
      ],
    },
    { text: 'budget, or false: again', at: [40.5, 34.75], anchor: 'end' },
    { box: 'napi.completeDone(work)', lines: ['true: irq.unmask'], at: [8, 37, 33, 7] },
    {
      arrow: [
        [8, 40.5],
        [4, 40.5],
        [4, 8],
        [7, 8],
      ],
    },
    { text: 'idle', at: [1, 5.5], tone: 'muted' },
  ],
}
