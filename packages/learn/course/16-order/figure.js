export const figure = {
  title: 'A frame between two ends',
  size: [42, 64],
  shapes: [
    { group: 'od0, 198.18.0.1', at: [1, 1, 40, 12] },
    { box: 'startXmit', lines: ['flipNetwork'], at: [3, 5, 15, 6], lane: 'away' },
    {
      arrow: [
        [10.5, 11],
        [10.5, 19],
      ],
      lane: 'away',
    },
    { dot: [10.5, 15], lane: 'away' },
    { text: 'now of 198.18.1.0/24', at: [12, 15] },
    { group: 'od1, 198.18.1.2', at: [1, 19, 40, 35] },
    { box: 'enqueue', at: [3, 24, 15, 6], lane: 'toward' },
    {
      arrow: [
        [18, 27],
        [24, 27],
      ],
    },
    { box: 'alarm', lines: ['--delay'], at: [24, 24, 15, 6] },
    {
      arrow: [
        [31.5, 30],
        [31.5, 35],
      ],
    },
    { bolt: [31.5, 32.25] },
    { box: 'interrupt', lines: ['napi.schedule'], at: [24, 35, 15, 6] },
    {
      arrow: [
        [31.5, 41],
        [31.5, 45],
      ],
    },
    { box: 'poll', lines: ['at most 64'], at: [24, 45, 15, 6], lane: 'toward' },
    {
      arrow: [
        [10.5, 30],
        [10.5, 46.5],
      ],
      lane: 'toward',
    },
    { text: 'the list:', at: [12, 34.25], tone: 'muted' },
    { text: 'frames that', at: [12, 36.5], tone: 'muted' },
    { text: 'wait', at: [12, 38.75], tone: 'muted' },
    { cells: 8, filled: 5, at: [3, 46.5, 13, 3], lane: 'toward' },
    {
      arrow: [
        [16, 48],
        [24, 48],
      ],
      lane: 'toward',
    },
    { text: 'dequeue', at: [20, 45.5], anchor: 'middle' },
    { text: 'no place: FULL_RING', at: [3, 51.75], lane: 'drop' },
    {
      arrow: [
        [31.5, 51],
        [31.5, 59],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [30, 56.5], lane: 'toward', anchor: 'end' },
    { box: 'kernel', near: true, at: [1, 59, 40, 4] },
  ],
}
