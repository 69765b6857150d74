export const figure = {
  title: 'A ping and its reply',
  size: [42, 62],
  shapes: [
    { box: 'kernel', lines: ['198.18.0.1'], near: true, at: [1, 1, 40, 6] },
    {
      arrow: [
        [11.5, 7],
        [11.5, 17],
      ],
      lane: 'away',
    },
    { dot: [11.5, 12], lane: 'away' },
    { text: 'echo request', at: [13, 12.5] },
    { group: 'the host, 198.18.0.2', at: [1, 17, 40, 44] },
    { box: 'receiveIp', lines: ['header,', 'addresses'], at: [3, 21, 17, 8], lane: 'away' },
    {
      arrow: [
        [20, 23],
        [23, 23],
      ],
      lane: 'drop',
    },
    { text: 'IP_INHDR', at: [23.5, 22], lane: 'drop' },
    { text: 'IP_CSUM', at: [23.5, 24.25], lane: 'drop' },
    { text: 'IP_INADDRERRORS', at: [23.5, 26.5], lane: 'drop' },
    { text: 'FRAG_REASM', at: [23.5, 28.75], lane: 'drop' },
    {
      arrow: [
        [11.5, 29],
        [11.5, 34],
      ],
      lane: 'away',
    },
    { box: 'receiveIcmp', lines: ['type 8 to 0,', 'checksum'], at: [3, 34, 17, 8], lane: 'away' },
    {
      arrow: [
        [20, 36],
        [23, 36],
      ],
      lane: 'drop',
    },
    { text: 'ICMP_CSUM', at: [23.5, 36.5], lane: 'drop' },
    {
      arrow: [
        [11.5, 42],
        [11.5, 49],
      ],
    },
    { box: 'replyIp', lines: ['addresses, TTL,', 'checksum'], at: [3, 49, 19, 8], lane: 'toward' },
    {
      arrow: [
        [22, 53],
        [39, 53],
        [39, 7],
      ],
      lane: 'toward',
    },
    { text: 'netifRx', at: [37.5, 14.75], lane: 'toward', anchor: 'end' },
  ],
}
