/** `vnet top`: from two readings to rows, from rows and keys to the lines of a screen. */
import { expect, test } from 'vitest'
import type { Reading, TopDevice } from '../../src/cli/top/reading.ts'
import { arranged, roundOf, rowsOf, type TopRow } from '../../src/cli/top/rows.ts'
import { FIRST_VIEW, type Key, pageRows, plainLines, press, screenLines, type TopView } from '../../src/cli/top/view.ts'
import type { DeviceStats } from '../../src/control/index.ts'
import { statisticsRow } from './statistics-row.ts'

const PID = 42
const IFF_UP = 1

function device(name: string, fields: Partial<DeviceStats>, totals: Partial<DeviceStats['total']> = {}): TopDevice {
  const total = statisticsRow(totals)
  const found = {
    name,
    ifindex: 1,
    netns: undefined,
    vnet: '/run/a',
    pid: PID,
    driver: 'snull',
    flags: IFF_UP,
    carrier: true,
  }
  return {
    device: found as TopDevice['device'],
    stats: {
      name,
      ifindex: 1,
      netns: undefined,
      time: 0,
      total,
      queues: [total],
      rxQueues: 1,
      held: 0,
      drops: { tx: {}, rx: {} },
      kernel: undefined,
      ...fields,
    },
    stopped: 0,
  }
}

function reading(devices: readonly TopDevice[], used = 0, at = 0): Reading {
  return { devices, cpu: new Map([[PID, { used, at }]]), problems: [] }
}

function row(name: string, fields: Partial<TopRow> = {}): TopRow {
  return {
    name,
    driver: 'snull',
    state: 'up',
    tx: 0,
    txBytes: 0,
    rx: 0,
    rxBytes: 0,
    drops: 0,
    reasons: [],
    queues: 1,
    stopped: 0,
    held: 0,
    cpu: 0,
    ...fields,
  }
}

const content = (rows: readonly TopRow[], view: Partial<TopView> = {}, problems: readonly string[] = []) => ({
  rows,
  problems,
  view: { ...FIRST_VIEW, ...view },
})

/** Presses keys: characters, or names in an object. */
function pressAll(view: TopView, ...keys: readonly (string | Key)[]): TopView | undefined {
  return keys.reduce<TopView | undefined>(
    (now, key) => now && press(now, typeof key === 'string' ? { text: key, name: key } : key, 10),
    view,
  )
}

test('rates are computed between two readings, by the time at which the vnet read its counters', () => {
  const before = device('sn0', { time: 1000 }, { txPackets: 10, txBytes: 100, rxPackets: 4, rxBytes: 40 })
  const now = device('sn0', { time: 3000 }, { txPackets: 30, txBytes: 1100, rxPackets: 5, rxBytes: 90 })
  const [found] = rowsOf(reading([now], 500, 5000), reading([before], 400, 3000))
  expect(found).toMatchObject({ tx: 10, txBytes: 500, rx: 0.5, rxBytes: 25, cpu: 5, state: 'up', queues: 1 })
})

test('a first reading, a new interface and a counter that was reset have no rate', () => {
  const old = device('sn0', { time: 1000 }, { txPackets: 10 })
  const reset = device('sn0', { time: 2000 }, { txPackets: 3 })
  expect(rowsOf(reading([old]), undefined)).toMatchObject([{ tx: undefined, cpu: undefined }])
  expect(rowsOf(reading([reset]), reading([old]))).toMatchObject([{ tx: undefined, rx: 0 }])
  const moved = { ...reset, device: { ...reset.device, vnet: '/run/b' } }
  expect(rowsOf(reading([moved]), reading([old]))).toMatchObject([{ rx: undefined }])
})

test('the reason for which most frames are dropped at present comes first, then the most frequent', () => {
  const before = device('sn0', { time: 0, drops: { tx: { NEIGH: 90, NOMEM: 5 }, rx: { FULL_RING: 1 } } })
  const now = device('sn0', { time: 1000, drops: { tx: { NEIGH: 90, NOMEM: 7 }, rx: { FULL_RING: 8, RX_CRC: 0 } } })
  const [found] = rowsOf(reading([now]), reading([before]))
  expect(found).toMatchObject({ drops: 9, reasons: ['rx FULL_RING 8', 'tx NOMEM 7', 'tx NEIGH 90', 'rx RX_CRC 0'] })
})

test('rows are sorted by name with numbers in order, or by a rate with the largest first', () => {
  const rows = [row('p10', { tx: 1 }), row('p9', { tx: 5 }), row('p1', { tx: undefined })]
  const names = (...how: [sort: 'name' | 'tx', isReversed: boolean]) =>
    arranged(rows, ...how, '').map(({ name }) => name)
  expect(names('name', false)).toEqual(['p1', 'p9', 'p10'])
  expect(names('name', true)).toEqual(['p10', 'p9', 'p1'])
  expect(names('tx', false)).toEqual(['p9', 'p10', 'p1'])
  expect(names('tx', true)).toEqual(['p1', 'p10', 'p9'])
})

test('the filter finds names and drivers in either case', () => {
  const rows = [row('red/Eth0'), row('sn0', { driver: 'loop' })]
  const found = (filter: string) => arranged(rows, 'name', false, filter).map(({ name }) => name)
  expect([found('eth'), found('LOOP'), found('x')]).toEqual([['red/Eth0'], ['sn0'], []])
})

test('--json prints an object a round, with rates from the second round on', () => {
  const [before, now] = [0, 2000].map(time =>
    reading([device('sn0', { time, drops: { tx: { NEIGH: time / 1000 }, rx: {} } }, { txPackets: time / 10 })]),
  )
  const first = roundOf(7, before!, undefined)
  expect(first).toMatchObject({ event: 'top', time: 7 })
  expect(first.interfaces[0]!.rates).toEqual({ tx: null, txBytes: null, rx: null, rxBytes: null, drops: null })
  expect(roundOf(8, now!, before).interfaces).toEqual([
    {
      name: 'sn0',
      netns: null,
      driver: 'snull',
      state: 'up',
      rates: { tx: 100, txBytes: 0, rx: 0, rxBytes: 0, drops: 1 },
      drops: 2,
      reasons: ['tx NEIGH 2'],
      held: 0,
      queues: 1,
      stopped: 0,
      cpu: null,
    },
  ])
})

test('a screen has the sums, the table with its units, and the help in its last line', () => {
  const busy = row('sn0', {
    tx: 1234,
    txBytes: 1e6,
    rx: 0.5,
    rxBytes: 12,
    drops: 2,
    reasons: ['tx NEIGH 2'],
    cpu: 12.4,
  })
  const { lines } = screenLines(content([busy, row('sn1', { tx: undefined })]), { columns: 100, rows: 6 })
  expect(lines).toEqual([
    'vnet top: 2 interfaces, 1.23k tx/s, 0.5 rx/s, 2 dropped/s, by tx',
    'interface  state   tx/s  tx bit/s  rx/s  rx bit/s  drop/s     dropped  held  stopped  cpu%',
    'sn0           up  1.23k        8M   0.5        96       2  tx NEIGH 2     0      0/1    12',
    'sn1           up      -         0     0         0       0                 0      0/1     0',
    '',
    expect.stringMatching(/^q quit {2}sort by: n t r d c, .{1,60}$/),
  ])
  expect(screenLines(content([busy], { inBytes: true }), { columns: 100, rows: 6 }).lines[2]).toContain(' 1M ')
  expect(screenLines(content([]), { columns: 100, rows: 6 }).lines[0]).toBe('vnet top: no vnet is running')
})

test('no line is wider than the screen, and the lines fill it, however small it is', () => {
  const rows = Array.from({ length: 200 }, (_, i) => row(`p${i}`, { reasons: ['tx NEIGH 1'] }))
  for (const size of [
    { columns: 20, rows: 5 },
    { columns: 1, rows: 1 },
    { columns: 500, rows: 300 },
  ]) {
    const { lines } = screenLines(content(rows, {}, ['a vnet is stuck']), size)
    expect(lines.length).toBe(size.rows)
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(size.columns)
  }
})

test('200 interfaces scroll by lines, pages and to both ends, and no further', () => {
  const size = { columns: 80, rows: 13 }
  const rows = Array.from({ length: 200 }, (_, i) => row(`p${i}`))
  const firstShown = (view: TopView) => /^p\d+/.exec(screenLines(content(rows, view), size).lines[2] ?? '')?.[0]
  const after = (...keys: string[]) => {
    let view: TopView = FIRST_VIEW
    for (const name of keys) view = screenLines(content(rows, press(view, { name }, pageRows(size))), size).view
    return firstShown(view)
  }
  expect([after('down'), after('pagedown'), after('end'), after('up')]).toEqual(['p1', 'p10', 'p190', 'p0'])
  expect([after('end', 'up'), after('end', 'home'), after('pagedown', 'pageup', 'pageup')]).toEqual([
    'p189',
    'p0',
    'p0',
  ])
  expect(screenLines(content(rows, { offset: 7 }), size).lines.at(-1)).toMatch(/^7 above, 183 below /)
})

test('keys choose the order, which the same key reverses, the unit, and the end', () => {
  expect(FIRST_VIEW).toMatchObject({ sort: 'tx', isReversed: false })
  expect(pressAll(FIRST_VIEW, 't')).toMatchObject({ sort: 'tx', isReversed: true })
  expect(pressAll(FIRST_VIEW, 'n')).toMatchObject({ sort: 'name', isReversed: false })
  expect(pressAll(FIRST_VIEW, 't', 'd')).toMatchObject({ sort: 'drops', isReversed: false })
  expect(pressAll(FIRST_VIEW, 'b')).toMatchObject({ inBytes: true })
  expect(pressAll(FIRST_VIEW, 'q')).toBeUndefined()
  expect(pressAll(FIRST_VIEW, { name: 'c', ctrl: true, text: '\x03' })).toBeUndefined()
  for (const key of ['toString', 'x', '__proto__']) expect(pressAll(FIRST_VIEW, key)).toEqual(FIRST_VIEW)
})

test('a filter is typed, corrected, kept by Enter and removed by Escape; q is then a letter', () => {
  const typed = pressAll(FIRST_VIEW, '/', 'q', 'x', { name: 'backspace', text: '\x7f' })
  expect(typed).toMatchObject({ filter: 'q', isTyping: true })
  expect(screenLines(content([], typed), { columns: 80, rows: 5 }).lines.at(-1)).toBe('filter: q_')
  expect(pressAll(typed!, { name: 'return', text: '\r' })).toMatchObject({ filter: 'q', isTyping: false })
  expect(pressAll(typed!, { name: 'escape', text: undefined })).toEqual(FIRST_VIEW)
  expect(pressAll(typed!, { name: 'c', ctrl: true, text: '\x03' })).toBeUndefined()
  expect(pressAll(typed!, { name: 'up', text: '\x1b[A' })).toEqual(typed)
})

test('hostile names, reasons and messages reach no screen unescaped', () => {
  const before = device('\x1b]0;hi\x07', { time: 0 })
  const [hostile] = rowsOf(reading([before]), undefined)
  const rows = [{ ...hostile!, reasons: ['tx \x1b[2J 1'] }]
  const { lines } = screenLines(content(rows, {}, ['\u202evnet\n']), { columns: 120, rows: 8 })
  for (const text of ['\\x1b]0;hi\\x07', '\\x1b[2J', '\\u202evnet\\x0a']) expect(lines.join('')).toContain(text)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain them
  expect([...lines, ...plainLines(content(rows))].join('')).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/)
})

test('vnets that did not reply are named above the table', () => {
  const { lines } = screenLines(content([row('sn0')], {}, ['getDevices of vnet 7: ETIMEDOUT']), {
    columns: 80,
    rows: 6,
  })
  expect(lines[1]).toBe('getDevices of vnet 7: ETIMEDOUT')
  expect(lines[3]).toMatch(/^sn0 /)
})
