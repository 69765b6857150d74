export const figure = {
  title: 'A driver, and the registers of its card',
  size: [42, 44],
  shapes: [
    { group: 'card', at: [1, 15, 40, 20] },
    { box: 'driver', lines: ['probe, open, intr'], at: [1, 2, 19, 7] },
    {
      arrow: [
        [12, 9],
        [12, 19],
      ],
      lane: 'away',
    },
    { text: 'writel', at: [11, 12.5], lane: 'away', anchor: 'end' },
    {
      arrow: [
        [17, 19],
        [17, 9],
      ],
      lane: 'toward',
    },
    { text: 'readl', at: [18, 12.5], lane: 'toward' },
    { box: 'BAR 0', lines: ['CTRL STATUS', 'ICR IMS IMC', 'EERD MDIC'], at: [3, 19, 18, 11] },
    {
      arrow: [
        [21, 22],
        [27, 22],
      ],
    },
    { box: 'EEPROM', lines: ['address'], at: [27, 19, 12, 6] },
    {
      arrow: [
        [21, 29],
        [27, 29],
      ],
    },
    { box: 'PHY', lines: ['link'], at: [27, 26, 12, 6] },
    {
      arrow: [
        [33, 32],
        [33, 39],
      ],
    },
    { text: 'cable', at: [32, 37], anchor: 'end' },
    { box: 'mirror', near: true, at: [23, 39, 18, 4] },
    {
      arrow: [
        [29, 15],
        [29, 5.5],
        [20, 5.5],
      ],
      lane: 'warn',
    },
    { bolt: [25, 5.5] },
    { text: 'ICR & IMS', at: [30, 9.5], lane: 'warn' },
  ],
}
