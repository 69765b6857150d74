export const figure = {
  title: 'A datagram, and what comes back',
  size: [42, 64],
  shapes: [
    { box: 'kernel', lines: ['198.18.0.1'], near: true, at: [1, 1, 40, 6] },
    {
      arrow: [
        [9.5, 7],
        [9.5, 17],
      ],
      lane: 'away',
    },
    { dot: [9.5, 12], lane: 'away' },
    { text: 'a datagram', at: [11, 12.5] },
    { group: 'the host, 198.18.0.2', at: [1, 17, 40, 46] },
    { box: 'receiveUdp', lines: ['lengths,', 'checksum'], at: [3, 21, 15, 8], lane: 'away' },
    {
      arrow: [
        [18, 23],
        [21.5, 23],
      ],
      lane: 'drop',
    },
    { text: 'PKT_TOO_SMALL', at: [22, 22.5], lane: 'drop' },
    { text: 'UDP_CSUM', at: [22, 24.75], lane: 'drop' },
    { text: 'port 9', at: [22, 27], lane: 'drop' },
    {
      arrow: [
        [15, 29],
        [15, 37],
      ],
      lane: 'away',
    },
    { text: 'port 7', at: [16, 33.5] },
    { box: 'the echo', lines: ['ports swapped'], at: [11, 37, 16, 6], lane: 'toward' },
    {
      arrow: [
        [27, 40],
        [39, 40],
        [39, 7],
      ],
      lane: 'toward',
    },
    {
      arrow: [
        [6, 29],
        [6, 50],
      ],
      lane: 'away',
    },
    { text: 'others', at: [7, 33.5] },
    {
      box: 'sendUnreachable',
      lines: ['ICMP 3, 3, and', 'the datagram'],
      at: [3, 50, 18, 8],
      lane: 'toward',
    },
    {
      arrow: [
        [21, 54],
        [39, 54],
        [39, 40],
      ],
      lane: 'toward',
    },
    { text: 'replyIp', at: [37.5, 43], lane: 'toward', anchor: 'end' },
    { text: 'netifRx', at: [37.5, 14.75], lane: 'toward', anchor: 'end' },
  ],
}
