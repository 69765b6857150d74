const stage = (y, name, lane, tool, note) => [
  { box: name, at: [1, y, 17, 5], near: name === 'kernel', ...(name !== 'kernel' && { lane }) },
  {
    line: [
      [18, y + 2.5],
      [22, y + 2.5],
    ],
  },
  { text: tool, at: [23, y + 1.25], tone: 'name' },
  { text: note, at: [23, y + 3.75], tone: 'muted' },
]

export const figure = {
  title: 'Where each tool looks',
  size: [42, 59],
  shapes: [
    { box: 'ping', at: [1, 1, 17, 4], lane: 'away' },
    {
      arrow: [
        [9.5, 5],
        [9.5, 9],
      ],
      lane: 'away',
    },
    ...stage(9, 'kernel', 'away', 'vnet stats', 'counters'),
    {
      arrow: [
        [9.5, 14],
        [9.5, 18],
      ],
      lane: 'away',
    },
    ...stage(18, 'startXmit', 'away', 'vnet step', 'lines to run'),
    {
      arrow: [
        [9.5, 23],
        [9.5, 27],
      ],
      lane: 'away',
    },
    { box: '', at: [1, 27, 17, 8], lane: 'away' },
    { text: 'ring, alarm', at: [9.5, 29], anchor: 'middle', tone: 'name' },
    { cells: 4, filled: 2, at: [3.5, 31, 12, 2.5], lane: 'away', part: 'ring' },
    {
      line: [
        [18, 31],
        [22, 31],
      ],
    },
    { text: 'vnet show', at: [23, 29.75], tone: 'name' },
    { text: 'queues, rings', at: [23, 32.25], tone: 'muted' },
    {
      arrow: [
        [9.5, 35],
        [9.5, 39],
      ],
      lane: 'toward',
    },
    ...stage(39, 'netifRx', 'toward', '--debug', 'broken rules'),
    {
      arrow: [
        [9.5, 44],
        [9.5, 48],
      ],
      lane: 'toward',
    },
    ...stage(48, 'kernel', 'toward', 'vnet capture', 'frames, drops'),
    {
      arrow: [
        [9.5, 53],
        [9.5, 57],
      ],
      lane: 'toward',
    },
    { text: 'ping', at: [11, 57], lane: 'toward' },
  ],
}
