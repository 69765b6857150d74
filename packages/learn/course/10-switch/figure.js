const stations = y =>
  ['a', 'b', 'c'].map((name, i) => {
    return {
      box: `sw${i}`,
      lines: [`namespace ${name}`],
      near: true,
      at: [1 + 13.75 * i, y, 12.5, 6],
    }
  })

const panel = (y, frame, text, to) => [
  { box: frame, lines: [text], at: [1, y, 40, 7] },
  {
    arrow: [
      [7.25, y + 12],
      [7.25, y + 7],
    ],
    lane: 'away',
  },
  ...to.map(port => ({
    arrow: [
      [7.25 + 13.75 * port, y + 7],
      [7.25 + 13.75 * port, y + 12],
    ],
    lane: 'toward',
  })),
  ...stations(y + 12),
]

export const figure = {
  title: 'A switch forwards to one port, or floods',
  size: [42, 55],
  shapes: [
    { group: 'the table', at: [1, 1, 40, 10] },
    { text: 'aa', at: [3, 5.75] },
    { text: 'sw0', at: [9, 5.75] },
    { text: 'heard 10 s ago', at: [16, 5.75], tone: 'muted' },
    { text: 'bb', at: [3, 8.5] },
    { text: 'sw1', at: [9, 8.5] },
    { text: 'heard  2 s ago', at: [16, 8.5], tone: 'muted' },
    ...panel(14, 'from aa to bb', 'learn aa at sw0, forward to sw1 only', [1]),
    ...panel(35.5, 'from aa to dd', 'unknown: flood to sw1 and sw2', [1, 2]),
  ],
}
