const [LEFT, TOP, WIDTH, HEIGHT] = [17, 7, 8, 4]
const FAULTS = ['drop', 'double', 'delay']
/** The packets of a run, and what became of the run with each fault. */
const PACKETS = [
  ['1 question', 'F..'],
  ['2 answer', 'F..'],
  ['3 question', '...'],
  ['4 answer', '.F.'],
]

const cell = (verdict, row, column) => ({
  box: verdict === 'F' ? 'FAILED' : 'passed',
  at: [LEFT + column * WIDTH, TOP + row * (HEIGHT + 1), WIDTH - 0.5, HEIGHT],
  lane: verdict === 'F' ? 'drop' : 'toward',
})

export const figure = {
  title: 'An exploration: a run for each packet and each fault',
  size: [42, 34],
  shapes: [
    { text: 'packet of a clean run', at: [1, 2] },
    ...FAULTS.map((fault, i) => ({
      text: fault,
      at: [LEFT + i * WIDTH + WIDTH / 2, 5],
      anchor: 'middle',
      tone: 'name',
    })),
    ...PACKETS.flatMap(([packet, verdicts], row) => [
      { text: packet, at: [1, TOP + row * (HEIGHT + 1) + HEIGHT / 2] },
      ...[...verdicts].map((verdict, column) => cell(verdict, row, column)),
    ]),
    {
      arrow: [
        [21, 27],
        [21, 29.5],
      ],
      lane: 'drop',
    },
    { text: 'repeated, then printed as a test', at: [21, 31.5], anchor: 'middle' },
  ],
}
