const check = (y, text, error) => [
  { box: '', lines: [text], at: [1, y, 20, 4] },
  {
    arrow: [
      [21, y + 2],
      [27, y + 2],
    ],
  },
  { text: error, at: [28, y + 2] },
]

export const figure = {
  title: 'Each check of an ioctl and its error',
  size: [42, 63],
  shapes: [
    { text: "the caller's memory: struct counters", at: [1, 2], tone: 'muted' },
    { box: 'size', lines: ['u32'], near: true, at: [1, 4, 6.5, 6] },
    { box: 'flags', lines: ['u32'], near: true, at: [7.5, 4, 6.5, 6] },
    { box: 'frames', lines: ['u64'], near: true, at: [14, 4, 13, 6] },
    { box: 'bytes', lines: ['u64'], near: true, at: [27, 4, 13, 6] },
    { text: '0', at: [1, 11.75], tone: 'muted' },
    { text: '4', at: [7.5, 11.75], tone: 'muted' },
    { text: '8', at: [14, 11.75], tone: 'muted' },
    { text: '16', at: [27, 11.75], tone: 'muted' },
    { text: '24', at: [40, 11.75], tone: 'muted', anchor: 'end' },
    {
      arrow: [
        [11, 13],
        [11, 19],
      ],
    },
    { text: 'ifr_data points there', at: [12.5, 14.5], tone: 'muted' },
    { text: 'ndoSiocdevprivate', at: [12.5, 17], tone: 'name' },
    ...check(19, 'cmd known?', '-EOPNOTSUPP'),
    {
      arrow: [
        [11, 23],
        [11, 26],
      ],
    },
    ...check(26, 'data.read(24)', '-EFAULT'),
    {
      arrow: [
        [11, 30],
        [11, 33],
      ],
    },
    ...check(33, 'size, flags?', '-EINVAL'),
    {
      arrow: [
        [11, 37],
        [11, 40],
      ],
    },
    ...check(40, 'data.mayChange?', '-EPERM'),
    {
      arrow: [
        [11, 44],
        [11, 47],
      ],
    },
    ...check(47, 'data.write()', '-EFAULT'),
    {
      arrow: [
        [11, 51],
        [11, 54],
      ],
    },
    ...check(54, 'then do it', '0'),
    { text: 'a refusal changes nothing', at: [1, 60.5], tone: 'muted' },
  ],
}
