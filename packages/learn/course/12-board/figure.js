export const figure = {
  title: 'Two boards and their cable',
  size: [42, 62],
  shapes: [
    { group: 'bd0, 198.18.0.1', at: [1, 1, 40, 28] },
    { box: 'startXmit', lines: ['hw.transmit'], at: [3, 5, 15, 6], lane: 'away' },
    { box: 'interrupt', lines: ['TX_INTR:', 'reclaim, wake'], at: [24, 5, 15, 8] },
    {
      arrow: [
        [10.5, 11],
        [10.5, 17],
      ],
      lane: 'away',
    },
    { cells: 8, filled: 5, at: [3, 17, 15, 3], lane: 'away' },
    { text: 'transmit buffers', at: [3, 22], tone: 'muted' },
    { text: 'none free: stop', at: [3, 24.25], lane: 'warn' },
    {
      arrow: [
        [18, 18.5],
        [31.5, 18.5],
        [31.5, 13],
      ],
    },
    { bolt: [31.5, 16.25] },
    { box: 'ndoTxTimeout', lines: ['reset'], at: [24, 21.5, 15, 6], lane: 'warn' },
    {
      arrow: [
        [24, 24.25],
        [20, 24.25],
        [20, 19.25],
        [18, 19.25],
      ],
      lane: 'warn',
    },
    {
      arrow: [
        [10.5, 29],
        [10.5, 36],
      ],
      lane: 'away',
    },
    { dot: [10.5, 32], lane: 'away' },
    { text: 'the cable', at: [12, 32] },
    { group: 'bd1, 198.18.1.2', at: [1, 36, 40, 18] },
    { ring: 12, filled: 4, at: [10.5, 46.5, 5.5], lane: 'toward' },
    { text: 'rxRing', at: [10.5, 46.5], anchor: 'middle' },
    {
      arrow: [
        [16, 46.5],
        [24, 46.5],
      ],
    },
    { bolt: [20, 46.5] },
    { text: 'RX_INTR', at: [20, 43.75], anchor: 'middle' },
    { box: 'interrupt', lines: ['until rxRing', 'is empty'], at: [24, 42, 15, 9], lane: 'toward' },
    {
      arrow: [
        [31.5, 51],
        [31.5, 57],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [30, 55.5], lane: 'toward', anchor: 'end' },
    { box: 'kernel', near: true, at: [1, 57, 40, 4] },
  ],
}
