export const figure = {
  title: 'Two CPUs, and the memory that they share',
  size: [42, 41],
  shapes: [
    {
      box: 'CPU 0: transmit',
      lines: ['lock', 'ring = ring + f', 'unlock', 'full: stop'],
      at: [1, 1, 19, 13],
      lane: 'away',
    },
    {
      box: 'CPU 1: expired',
      lines: ['lock', 'ring = nothing', 'unlock', 'stopped: wake'],
      at: [22, 1, 19, 13],
      lane: 'toward',
    },
    {
      arrow: [
        [7, 14],
        [7, 18],
      ],
    },
    { cells: 3, filled: 2, at: [3, 18, 8, 3] },
    {
      arrow: [
        [7, 21],
        [7, 27],
      ],
    },
    {
      arrow: [
        [35, 14],
        [35, 18],
      ],
    },
    { cells: 3, filled: 1, at: [31, 18, 8, 3] },
    {
      arrow: [
        [35, 21],
        [35, 27],
      ],
    },
    { text: "each CPU's writes", at: [21, 16.75], anchor: 'middle' },
    { text: 'arrive later', at: [21, 19], anchor: 'middle' },
    { text: 'barrier: they have arrived', at: [21, 23.25], anchor: 'middle', tone: 'muted' },
    {
      box: 'memory',
      lines: ['ring: [f1, f2]', 'isStopped: false', 'lock: who has it'],
      near: true,
      at: [1, 27, 40, 13],
    },
  ],
}
