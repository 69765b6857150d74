const row = (y, step, undo) => [
  { box: step, at: [1, y, 17, 5] },
  {
    arrow: [
      [18, y + 2.5],
      [24, y + 2.5],
    ],
    dashed: true,
  },
  { text: 'fails', at: [20.75, y + 0.75], anchor: 'middle', tone: 'muted' },
  { ...undo, at: [24, y, 17, 5] },
  {
    arrow: [
      [9.5, y + 5],
      [9.5, y + 9],
    ],
  },
  {
    arrow: [
      [32.5, y + 9],
      [32.5, y + 5],
    ],
  },
]

export const figure = {
  title: 'Each step that fails undoes the steps before it',
  size: [42, 41],
  shapes: [
    { text: 'ndoOpen', at: [9.5, 2], anchor: 'middle', tone: 'name' },
    { text: 'the last first', at: [32.5, 2], anchor: 'middle', tone: 'muted' },
    ...row(4, 'kmemCacheCreate', { box: 'return', lines: ['-ENOMEM'], near: true }),
    ...row(13, 'kcalloc', { box: 'kmemCacheDestroy' }),
    ...row(22, 'requestIrq', { box: 'kfree' }),
    { box: 'up', near: true, at: [1, 31, 17, 9] },
    {
      arrow: [
        [18, 35.5],
        [24, 35.5],
      ],
    },
    { box: 'ndoStop', lines: ['freeIrq', 'drop the frames'], at: [24, 31, 17, 9] },
  ],
}
