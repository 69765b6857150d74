const lane = (i, filled, state) => {
  const x = 1 + 10 * i
  const middle = x + 5
  const isFull = filled === 8
  return [
    { text: `tx-${i}`, at: [middle + 0.75, 11.5], lane: isFull ? 'warn' : 'away' },
    {
      arrow: [
        [middle, 9],
        [middle, 15],
      ],
      lane: isFull ? 'warn' : 'away',
    },
    { group: '', at: [x + 0.25, 15, 9.5, 17], lane: isFull ? 'warn' : 'away' },
    { text: `lanes[${i}]`, at: [middle, 17], anchor: 'middle' },
    {
      ring: 8,
      filled,
      at: [middle, 23, 4],
      lane: isFull ? 'warn' : 'away',
      part: `lanes[${i}].ring`,
    },
    {
      text: state,
      at: [middle, 29.75],
      anchor: 'middle',
      ...(isFull ? { lane: 'warn' } : { tone: 'muted' }),
    },
    {
      arrow: [
        [middle, 32],
        [middle, 38],
      ],
      lane: 'toward',
    },
    { text: `rx-${i}`, at: [middle + 0.75, 34.5], lane: 'toward' },
  ]
}

export const figure = {
  title: 'Four lanes, of which one is full',
  size: [42, 48],
  shapes: [
    { box: 'kernel', lines: ['a hash of the flow selects a queue'], near: true, at: [1, 1, 40, 8] },
    ...lane(0, 1, 'sends'),
    ...lane(1, 8, 'stopped'),
    ...lane(2, 3, 'sends'),
    ...lane(3, 0, 'idle'),
    {
      box: 'kernel',
      lines: ['a flow received on rx-1', 'leaves by tx-1 from then on'],
      near: true,
      at: [1, 38, 40, 9],
    },
  ],
}
