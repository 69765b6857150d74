const step = (x, y, lane, box) => ({ box, at: [x, y, 19.5, 4], lane })

export const figure = {
  title: 'The five steps of a frame in vnet',
  size: [42, 41],
  shapes: [
    { box: 'network stack', near: true, at: [1, 1, 40, 4] },
    {
      arrow: [
        [10.5, 5],
        [10.5, 9],
      ],
      lane: 'away',
    },
    { box: 'TAP queue q', near: true, at: [1, 9, 19.5, 4] },
    {
      line: [
        [1, 15.5],
        [41, 15.5],
      ],
      dashed: true,
    },
    { text: 'vnet', at: [21, 17.5], anchor: 'middle', tone: 'muted' },
    {
      arrow: [
        [10.5, 13],
        [10.5, 20],
      ],
      lane: 'away',
    },
    step(1, 20, 'away', '1 FrameQueue.read'),
    {
      arrow: [
        [10.5, 24],
        [10.5, 28],
      ],
      lane: 'away',
    },
    step(1, 28, 'away', '2 ndoStartXmit'),
    {
      arrow: [
        [10.5, 32],
        [10.5, 36],
      ],
      lane: 'away',
    },
    { box: '3 a ring, a peer or a wire', at: [1, 36, 40, 4] },
    {
      arrow: [
        [31.5, 36],
        [31.5, 32],
      ],
      lane: 'toward',
    },
    step(21.5, 28, 'toward', '4 netifRx'),
    {
      arrow: [
        [31.5, 28],
        [31.5, 24],
      ],
      lane: 'toward',
    },
    step(21.5, 20, 'toward', '5 FrameQueue.submit'),
    {
      arrow: [
        [31.5, 20],
        [31.5, 5],
      ],
      lane: 'toward',
    },
  ],
}
