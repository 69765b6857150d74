/** A column of a world: what runs on its hosts, its TCP/IP, its links and its time. */
const world = (x, name, [programs, stack, links, time], lane) => [
  { group: '', at: [x, 8, 13, 31], lane },
  { text: name, at: [x + 6.5, 10.5], anchor: 'middle', tone: 'name' },
  { box: '', lines: programs, at: [x + 1, 13, 11, 6] },
  { box: '', lines: stack, near: true, at: [x + 1, 19, 11, 6] },
  { box: '', lines: links, at: [x + 1, 25, 11, 6] },
  { text: time[0], at: [x + 6.5, 34], anchor: 'middle', tone: 'muted' },
  { text: time[1], at: [x + 6.5, 36.5], anchor: 'middle', tone: 'muted' },
]

export const figure = {
  title: 'The three worlds of a lab',
  size: [42, 40],
  shapes: [
    { box: 'your test', at: [1, 1, 40, 4] },
    ...[7.5, 21, 34.5].map(x => ({
      arrow: [
        [x, 5],
        [x, 8],
      ],
      lane: 'away',
    })),
    ...world(1, 'kernel', [
      ['programs,', 'functions'],
      ['Linux'],
      ['TAPs,', 'a wire'],
      ['real', 'time'],
    ]),
    ...world(
      14.5,
      'memory',
      [['functions'], ["vnet's", 'TCP/IP'], ['a wire'], ['virtual', 'time']],
      'away',
    ),
    ...world(
      28,
      'guest',
      [['programs'], ['Linux in', 'a VM'], ['a wire'], ['virtual', 'time']],
      'toward',
    ),
  ],
}
