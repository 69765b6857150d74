export const figure = {
  title: 'An attachment between an interface and the network stack',
  size: [42, 42],
  shapes: [
    { box: 'eth0', lines: ['exists already'], near: true, at: [1, 1, 40, 6] },
    {
      arrow: [
        [6, 7],
        [6, 33],
      ],
      dashed: true,
    },
    { text: 'other', at: [8, 19], tone: 'muted' },
    { text: 'frames', at: [8, 21.5], tone: 'muted' },
    { box: "filter 'tcp port 9999'", near: true, at: [17, 10, 24, 4] },
    {
      arrow: [
        [25, 7],
        [25, 10],
      ],
      lane: 'toward',
    },
    {
      arrow: [
        [25, 14],
        [25, 20],
      ],
      lane: 'toward',
    },
    {
      arrow: [
        [35, 20],
        [35, 14],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [35, 10],
        [35, 7],
      ],
      lane: 'away',
    },
    { box: 'wire', lines: ['vnet'], at: [17, 20, 24, 6], lane: 'away' },
    { text: 'in', at: [24, 17], anchor: 'end', tone: 'muted' },
    { text: 'out', at: [36, 17], tone: 'muted' },
    {
      arrow: [
        [25, 26],
        [25, 33],
      ],
      lane: 'toward',
    },
    {
      arrow: [
        [35, 33],
        [35, 26],
      ],
      lane: 'away',
    },
    {
      box: 'network stack',
      lines: ['addresses, routes, programs'],
      near: true,
      at: [1, 33, 40, 6],
    },
  ],
}
