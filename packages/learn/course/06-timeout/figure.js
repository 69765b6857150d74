export const figure = {
  title: 'A queue that only the watchdog wakes',
  size: [42, 51],
  shapes: [
    { text: 'time', at: [2, 3.5], tone: 'muted' },
    { cells: 1, filled: 1, at: [3, 6, 2.1, 6], lane: 'away' },
    { text: 'the queue runs', at: [8, 9], lane: 'away' },
    {
      line: [
        [5, 12],
        [8, 12],
      ],
      lane: 'warn',
    },
    { text: 'ring full: stop()', at: [9, 12], lane: 'warn' },
    { cells: 1, filled: 1, at: [3, 12, 2.1, 15], lane: 'warn' },
    { text: 'the board hangs: no', at: [9, 15.5] },
    { text: 'interrupt, no wake()', at: [9, 17.75] },
    { text: 'tx ring', at: [9, 22] },
    { cells: 4, filled: 4, at: [17, 20.5, 12, 3], lane: 'away', part: 'board.tx' },
    { text: 'full', at: [31, 22], tone: 'muted' },
    {
      line: [
        [5, 27],
        [8, 27],
      ],
      lane: 'warn',
    },
    { text: 'timeout ms: NETDEV WATCHDOG', at: [9, 27], tone: 'name' },
    { cells: 1, filled: 1, at: [3, 27, 2.1, 14], lane: 'warn' },
    { group: 'ndoTxTimeout', at: [8, 29.5, 33, 14] },
    { text: '1. reset the board', at: [10, 34.5] },
    { text: '2. drop the ring:', at: [10, 37.5] },
    { text: 'TX_ABORTED', at: [29, 37.5], lane: 'drop' },
    { text: '3. wake()', at: [10, 40.5] },
    {
      arrow: [
        [8, 41],
        [5.2, 41],
      ],
      lane: 'away',
    },
    { cells: 1, filled: 1, at: [3, 41, 2.1, 6], lane: 'away' },
    {
      arrow: [
        [4, 47],
        [4, 50],
      ],
    },
    { text: 'frames from the kernel pass again', at: [8, 46.5], lane: 'away' },
  ],
}
