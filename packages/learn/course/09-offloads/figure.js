export const figure = {
  title: 'One long frame: passed on whole, or cut',
  size: [42, 59],
  shapes: [
    { box: '', near: true, at: [1, 1, 40, 13] },
    { text: 'kernel: one frame, 32 KiB', at: [2.5, 3.25], tone: 'name' },
    { cells: 1, filled: 1, at: [2.5, 5.5, 4.1, 3], lane: 'away' },
    { cells: 1, at: [6.5, 5.5, 33.1, 3], lane: 'away' },
    { text: 'header, gsoSize 1448', at: [2.5, 10], tone: 'muted' },
    { text: 'CHECKSUM_PARTIAL: pseudo-header only', at: [2.5, 12.25], tone: 'muted' },
    {
      arrow: [
        [21, 14],
        [21, 19],
      ],
      lane: 'away',
    },
    { text: 'ndoStartXmit', at: [22.5, 16.25], lane: 'away' },
    {
      box: 'reflect, flipPorts',
      lines: ['a partial checksum remains as it is'],
      at: [1, 19, 40, 6],
      lane: 'away',
    },
    {
      arrow: [
        [9, 25],
        [9, 34],
      ],
      lane: 'toward',
    },
    { text: 'usual', at: [10, 29] },
    {
      arrow: [
        [30, 25],
        [30, 29],
      ],
      lane: 'toward',
    },
    { text: '--plain', at: [31, 26.75] },
    {
      box: 'skbGsoSegment',
      lines: ['skbChecksumHelp', 'for a short one'],
      at: [21, 29, 20, 9],
      lane: 'toward',
    },
    { cells: 1, filled: 1, at: [1, 34, 2.1, 3], lane: 'toward' },
    { cells: 1, at: [3, 34, 14, 3], lane: 'toward' },
    { text: 'whole', at: [10, 39.5], tone: 'muted' },
    {
      arrow: [
        [9, 37],
        [9, 50],
      ],
      lane: 'toward',
    },
    {
      arrow: [
        [30, 38],
        [30, 41],
      ],
      lane: 'toward',
    },
    { cells: 23, filled: 23, at: [21, 41, 20, 3], lane: 'toward' },
    {
      arrow: [
        [30, 44],
        [30, 50],
      ],
      lane: 'toward',
    },
    { text: '23 frames', at: [31, 45.5], tone: 'muted' },
    { text: 'complete', at: [31, 47.75], tone: 'muted' },
    { text: 'netifRx', at: [10, 46.75], lane: 'toward' },
    { box: 'kernel', lines: ['receives either'], near: true, at: [1, 50, 40, 8] },
  ],
}
