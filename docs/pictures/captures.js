/** Arrows from x1, y1 to x2, y2. */
const arrow = (x1, y1, x2, y2, lane = 'away') => ({
  arrow: [
    [x1, y1],
    [x2, y2],
  ],
  lane,
})

export const figure = {
  title: 'Where captures come from, and what reads them',
  size: [42, 44],
  shapes: [
    { box: 'vnet', lines: ['--capture', 'vnet capture'], at: [1, 1, 19, 8], lane: 'away' },
    { box: 'tcpdump', lines: ['of any machine', ''], near: true, at: [22, 1, 19, 8] },
    arrow(10, 9, 10, 13),
    arrow(32, 9, 32, 13),
    { group: '', at: [1, 13, 40, 9], lane: 'away' },
    { text: 'bad.pcapng', at: [21, 15.5], anchor: 'middle', tone: 'name' },
    { text: 'frames, and from vnet', at: [21, 18], anchor: 'middle' },
    { text: 'the reason of each drop', at: [21, 20], anchor: 'middle' },
    arrow(10, 22, 10, 25),
    arrow(32, 22, 32, 25),
    { box: 'vnet frames', lines: ['lines'], at: [1, 25, 19, 5.5] },
    { box: 'Wireshark', lines: ['tshark, tcpdump'], near: true, at: [22, 25, 19, 5.5] },
    { box: 'vnet replay', lines: ['the same frames'], at: [1, 31.5, 19, 5.5] },
    { box: 'vnet test-from', lines: ['a story, a test'], at: [22, 31.5, 19, 5.5] },
    { box: 'the live page', lines: ['vnet web'], at: [1, 38, 40, 5] },
  ],
}
