/** A stage, or several, in the order of a group. */
const stage = (y, box, line) => ({ box, lines: [line], at: [10, y, 28, 6], lane: 'away' })
const down = y => ({
  arrow: [
    [24, y],
    [24, y + 2],
  ],
  lane: 'away',
})

export const figure = {
  title: 'The order of the stages of a group',
  size: [42, 70],
  shapes: [
    { text: 'a packet is sent', at: [24, 2], anchor: 'middle' },
    down(3.5),
    { group: '', dashed: true, at: [1, 6, 40, 57] },
    stage(8, 'the link', 'partition, hold, mtu'),
    down(14),
    stage(16, 'faults', 'drop, delay ... nth 3'),
    down(22),
    stage(24, 'match', 'match syn ( loss 50% )'),
    down(30),
    stage(32, 'damage', 'loss, duplicate, corrupt'),
    down(38),
    stage(40, 'your own stages', 'stage NAME'),
    down(46),
    stage(48, 'rate', 'policer, rate, trace, lte'),
    down(54),
    { box: 'delay', lines: ['delay, reorder, slot'], at: [10, 56, 28, 6], lane: 'away' },
    {
      line: [
        [7, 49],
        [5, 49],
        [5, 61],
        [7, 61],
      ],
    },
    { text: 'limit', at: [2, 47.5], tone: 'muted' },
    down(63),
    { text: 'the next group, or the receiver', at: [24, 67], anchor: 'middle' },
  ],
}
