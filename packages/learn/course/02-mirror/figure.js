export const figure = {
  title: 'Each frame comes back with swapped addresses',
  size: [42, 47],
  shapes: [
    { box: '', near: true, at: [1, 1, 12, 45] },
    { text: 'kernel', at: [7, 3.5], tone: 'name', anchor: 'middle' },
    { text: '198.18.0.1', at: [7, 6], anchor: 'middle' },
    { box: '', at: [30, 1, 11, 45], lane: 'away' },
    { text: 'your', at: [35.5, 3.5], tone: 'name', anchor: 'middle' },
    { text: 'driver', at: [35.5, 5.75], tone: 'name', anchor: 'middle' },

    { text: 'ping asks', at: [7, 12], anchor: 'middle' },
    { text: 'ndoStartXmit', at: [21.5, 10.5], anchor: 'middle', lane: 'away' },
    {
      arrow: [
        [13, 12],
        [30, 12],
      ],
      lane: 'away',
    },
    { text: '.1 → .9', at: [21.5, 13.75], anchor: 'middle' },
    { text: 'swap', at: [35.5, 15.5], anchor: 'middle' },
    { text: 'netifRx', at: [21.5, 17.5], anchor: 'middle', lane: 'toward' },
    {
      arrow: [
        [30, 19],
        [13, 19],
      ],
      lane: 'toward',
    },
    { text: '.9 → .1', at: [21.5, 20.75], anchor: 'middle' },

    { text: 'the kernel', at: [7, 24], anchor: 'middle' },
    { text: 'replies', at: [7, 26.25], anchor: 'middle' },
    { text: 'ndoStartXmit', at: [21.5, 28.5], anchor: 'middle', lane: 'away' },
    {
      arrow: [
        [13, 30],
        [30, 30],
      ],
      lane: 'away',
    },
    { text: '.1 → .9', at: [21.5, 31.75], anchor: 'middle' },
    { text: 'swap', at: [35.5, 33.5], anchor: 'middle' },
    { text: 'netifRx', at: [21.5, 35.5], anchor: 'middle', lane: 'toward' },
    {
      arrow: [
        [30, 37],
        [13, 37],
      ],
      lane: 'toward',
    },
    { text: '.9 → .1', at: [21.5, 38.75], anchor: 'middle' },
    { text: 'ping sees', at: [7, 41], anchor: 'middle' },
    { text: 'its reply', at: [7, 43.25], anchor: 'middle' },
  ],
}
