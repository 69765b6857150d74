export const figure = {
  title: 'The ring between ndoStartXmit and the alarm',
  size: [42, 49],
  shapes: [
    { box: '', near: true, at: [1, 1, 40, 8] },
    { text: 'kernel', at: [2.5, 3], tone: 'name' },
    { text: 'its queue', at: [10, 3], tone: 'muted' },
    { cells: 12, filled: 2, at: [2.5, 5, 18, 2.5], lane: 'away' },
    {
      arrow: [
        [10.5, 9],
        [10.5, 22.5],
      ],
      lane: 'away',
    },
    { text: 'ndoStartXmit', at: [12, 11], lane: 'away' },
    { text: 'full: stop()', at: [12, 13.5], lane: 'warn' },
    { text: 'room: wake()', at: [12, 16], lane: 'away' },
    { group: '', dashed: true, at: [1, 18.5, 40, 22.5] },
    { text: 'your driver', at: [21, 20.5], tone: 'muted', anchor: 'middle' },
    { group: 'priv.ring', lane: 'away', at: [3, 22.5, 15, 16.5] },
    { ring: 8, filled: 3, at: [10.5, 32, 6], lane: 'away', part: 'ring' },
    { text: 'oldest', at: [10.5, 31], anchor: 'middle' },
    { text: 'first', at: [10.5, 33.25], anchor: 'middle' },
    { text: 'shift', at: [21, 28.5], anchor: 'middle' },
    {
      arrow: [
        [18, 30.5],
        [24, 30.5],
      ],
      lane: 'toward',
    },
    {
      box: 'arrived',
      lines: ['delay ms after', 'the first push'],
      at: [24, 25.5, 15.5, 10],
      lane: 'toward',
    },
    {
      arrow: [
        [34, 25.5],
        [34, 9],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [33, 14.5], lane: 'toward', anchor: 'end' },
    {
      arrow: [
        [10.5, 39],
        [10.5, 44.5],
      ],
      lane: 'drop',
    },
    { dot: [10.5, 46.5], lane: 'drop' },
    { text: 'ndoStop: purge', at: [12.5, 43.5], lane: 'drop' },
    { text: 'dropped as DEV_STOPPED', at: [12.5, 46.5], lane: 'drop' },
  ],
}
