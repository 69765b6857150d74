const result = (y, name, lane, effect, counters) => [
  {
    arrow: [
      [4, y],
      [8, y],
    ],
    lane,
  },
  { dot: [9.5, y], lane },
  { text: name, at: [11.5, y], tone: 'name' },
  { text: effect, at: [22, y], lane },
  { text: counters, at: [11.5, y + 2.5] },
]

export const figure = {
  title: 'What became of a frame, and its counter',
  size: [42, 51],
  shapes: [
    { box: 'kernel', near: true, at: [1, 1, 40, 4] },
    {
      arrow: [
        [4, 5],
        [4, 10],
      ],
      lane: 'away',
    },
    { text: 'tx_packets', at: [5.5, 7.25] },
    { text: 'by the framework', at: [17, 7.25], tone: 'muted' },
    {
      box: 'startXmit',
      lines: ['exchange() of the card returns bits'],
      at: [1, 10, 40, 6],
      lane: 'away',
    },
    {
      line: [
        [4, 16],
        [4, 37.5],
      ],
    },
    ...result(19.5, '0', 'toward', 'netifRx', 'rx_packets, by the framework'),
    ...result(25.5, 'COLLISION', 'toward', 'netifRx', 'rx_packets and collisions'),
    ...result(31.5, 'ABORTED', 'drop', 'skb.drop', 'tx_errors, tx_aborted_errors'),
    ...result(37.5, 'DAMAGED', 'drop', 'netifRxDrop', 'rx_errors, rx_crc_errors'),
    { box: '', lines: ['a register'], at: [1, 43, 14, 5] },
    { text: 'readMissed()', at: [17, 43.5] },
    {
      arrow: [
        [15, 45.5],
        [34, 45.5],
      ],
    },
    { text: 'rx_missed_errors', at: [17, 48], lane: 'drop' },
  ],
}
