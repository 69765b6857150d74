export const figure = {
  title: 'Two watchdogs, one reset',
  size: [42, 46],
  shapes: [
    { box: 'kernel', lines: ['queue stopped', 'for 5 s'], at: [1, 2, 18, 8] },
    { box: 'watchdog', lines: ['none sent in', '2 s: hang'], at: [23, 2, 18, 8], lane: 'warn' },
    {
      arrow: [
        [10, 10],
        [10, 16],
      ],
    },
    {
      arrow: [
        [32, 10],
        [32, 16],
      ],
      lane: 'warn',
    },
    { box: 'txTimeout', lines: ['TX_ERRORS'], at: [5, 16, 32, 6] },
    {
      arrow: [
        [21, 22],
        [21, 26],
      ],
    },
    {
      box: 'down',
      lines: ['reset the card', 'then drop its frames'],
      at: [5, 26, 32, 8],
      lane: 'drop',
    },
    {
      arrow: [
        [14, 34],
        [14, 39],
      ],
      lane: 'away',
    },
    { text: 'present', at: [13, 37], anchor: 'end', lane: 'away' },
    { box: 'up', lines: ['empty rings, wake'], at: [2, 39, 23, 6], lane: 'away' },
    {
      arrow: [
        [31, 34],
        [31, 39],
      ],
      lane: 'warn',
    },
    { text: 'removed', at: [32, 37], lane: 'warn' },
    { box: 'the end', at: [27, 39, 14, 4], lane: 'warn' },
  ],
}
