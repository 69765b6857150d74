export const figure = {
  title: 'The way of a buffer',
  size: [42, 64],
  shapes: [
    { group: 'rl0, 198.18.0.1', at: [1, 1, 40, 17] },
    { box: 'startXmit', lines: ['frame: hold'], at: [3, 6, 15, 6], lane: 'away' },
    { text: 'priv.free', at: [24, 5.5], tone: 'muted' },
    { cells: 8, filled: 5, at: [24, 7.5, 15, 3] },
    {
      arrow: [
        [24, 9],
        [18, 9],
      ],
    },
    { text: 'pop', at: [21, 7], anchor: 'middle' },
    { text: 'none free: stop', at: [12, 15], lane: 'warn' },
    {
      arrow: [
        [10.5, 12],
        [10.5, 24],
      ],
      lane: 'away',
    },
    { dot: [10.5, 21], lane: 'away' },
    { text: 'buffer, frame', at: [12, 21] },
    { group: 'rl1, 198.18.1.2', at: [1, 24, 40, 31] },
    { box: 'arrives', at: [3, 28, 15, 6], lane: 'toward' },
    {
      arrow: [
        [10.5, 34],
        [10.5, 46],
      ],
      lane: 'toward',
    },
    { box: 'release', lines: ['to its owner,', 'wake'], at: [24, 28, 15, 9] },
    {
      arrow: [
        [31.5, 28],
        [31.5, 10.5],
      ],
    },
    { text: 'buffer', at: [33, 21] },
    { text: 'arrived', at: [12, 40], tone: 'muted' },
    { cells: 8, filled: 2, at: [3, 46, 13, 3], lane: 'toward' },
    {
      arrow: [
        [16, 47.5],
        [24, 47.5],
      ],
    },
    { bolt: [20, 47.5] },
    { text: '--delay', at: [20, 44.5], anchor: 'middle' },
    { box: 'interrupt', lines: ['each buffer:', 'receive'], at: [24, 43, 15, 9], lane: 'toward' },
    {
      arrow: [
        [31.5, 43],
        [31.5, 37],
      ],
    },
    { text: 'buffer', at: [33, 40] },
    {
      arrow: [
        [28, 52],
        [28, 59],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [26.5, 57], lane: 'toward', anchor: 'end' },
    { box: 'kernel', near: true, at: [1, 59, 40, 4] },
    {
      arrow: [
        [24, 51],
        [17, 51],
      ],
      lane: 'drop',
    },
    { text: 'netifRxDrop', at: [16, 51], lane: 'drop', anchor: 'end' },
  ],
}
