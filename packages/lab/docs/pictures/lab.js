export const figure = {
  title: 'A lab with two hosts and a cable',
  size: [42, 43],
  shapes: [
    { box: 'your test', lines: ['its thread'], at: [1, 1, 40, 6] },
    {
      arrow: [
        [9, 7],
        [9, 14],
      ],
    },
    { text: 'fetch()', at: [11, 9.75], tone: 'muted' },
    {
      arrow: [
        [33, 7],
        [33, 14],
      ],
    },
    { text: 'listen()', at: [31, 9.75], anchor: 'end', tone: 'muted' },
    { group: '', at: [1, 12, 17, 18] },
    { text: 'client', at: [16, 28], anchor: 'end', tone: 'muted' },
    { group: '', at: [24, 12, 17, 18] },
    { text: 'server', at: [26, 28], tone: 'muted' },
    { box: 'sockets', near: true, at: [3, 14, 13, 4] },
    { box: 'sockets', near: true, at: [26, 14, 13, 4] },
    { box: 'interface', lines: ['a TAP'], near: true, at: [3, 20, 13, 6] },
    { box: 'interface', lines: ['a TAP'], near: true, at: [26, 20, 13, 6] },
    {
      line: [
        [9, 18],
        [9, 20],
      ],
    },
    {
      line: [
        [33, 18],
        [33, 20],
      ],
    },
    {
      arrow: [
        [7, 26],
        [7, 37],
        [13, 37],
      ],
      lane: 'away',
    },
    {
      arrow: [
        [29, 37],
        [35, 37],
        [35, 26],
      ],
      lane: 'away',
    },
    { box: 'wire', lines: ['delay 20ms'], at: [13, 33, 16, 7], lane: 'away' },
    { text: 'a thread of its own', at: [21, 41.5], anchor: 'middle', tone: 'muted' },
  ],
}
