export const figure = {
  title: 'A check of a module in a virtual machine',
  size: [42, 36],
  shapes: [
    { box: 'ping 198.18.0.9', at: [1, 1, 20, 4] },
    {
      arrow: [
        [7, 5],
        [7, 9],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [15, 9],
        [15, 5],
      ],
      lane: 'toward',
    },
    { box: 'ring0', lines: ['vnet'], near: true, at: [1, 9, 20, 6] },
    {
      arrow: [
        [7, 15],
        [7, 26],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [15, 26],
        [15, 15],
      ],
      lane: 'toward',
    },
    { text: 'wire, Unix socket', at: [17, 17.5] },
    { group: '', dashed: true, at: [1, 20, 40, 15] },
    { text: 'virtual machine', at: [40, 22.25], anchor: 'end', tone: 'muted' },
    { box: 'wire0', at: [3, 26, 14, 6], near: true },
    {
      arrow: [
        [17, 28],
        [20, 28],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [20, 30],
        [17, 30],
      ],
      lane: 'toward',
    },
    { box: 'relay', at: [20, 26, 7, 6] },
    {
      arrow: [
        [27, 28],
        [30, 28],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [30, 30],
        [27, 30],
      ],
      lane: 'toward',
    },
    { box: 'ring0', lines: ['yours'], at: [30, 26, 9, 6], lane: 'away' },
  ],
}
