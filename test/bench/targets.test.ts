import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { targets, targetsTable } from '../../bench/targets.mjs'

const one = (median: number, more: object = {}) => ({
  n: 1,
  median,
  min: median,
  max: median,
  ...more,
})

describe('targets', () => {
  const report = {
    cases: [
      {
        kase: 'cable',
        summary: {
          'npm-slow': { tcp: one(0.1), cpu_gb: one(60) },
          'npm-less-slow': { tcp: one(0.2), cpu_gb: one(30) },
          vnet: { tcp: one(16), cpu_gb: one(0.25), idle: one(0) },
        },
      },
      {
        kase: 'cable-long',
        summary: {
          vnet: {
            tcp: { n: 10, median: 16, min: 15.5, max: 16.25, vsC: 1.06 },
            cpu_gb: one(0.25, { vsC: 1.25 }),
            udp64: one(600, { vsC: 0.8, vsVeth: 0.97 }),
          },
        },
      },
      {
        kase: 'cables',
        furtherDevice: { vnet: 0.5 },
        summary: {
          'vnet/1': { tcp: one(10) },
          'vnet/2': { tcp: { ...one(9.9), max: 10 } },
          'vnet/4': { tcp: one(9.9) },
        },
      },
      { kase: 'tap', summary: { vnet: { tcp: one(10) }, 'open-tap': { tcp: one(9.5) } } },
      { kase: 'open', summary: { vnet: { stall_open: one(1.5), stall_close: one(2.5) } } },
      { kase: 'control', summary: { vnet: { ioctl1_p50: one(61) } } },
    ],
    memory: {
      results: ['flip', 'checksum'].map((name, i) => ({ name, perSecond: one(8e7 / 4 ** i) })),
    },
    environment: { time: '2026-11-25T10:30:32.684Z', cpu: 'a CPU', cpus: 2 },
    site: {
      environment: { cpu: 'another' },
      exercise: { verdict: [1500, 3200, 3100] },
      playgrounds: { 'the playground, 5 frames/s': { fps: [59.9], script: [2, 2.5] } },
    },
  }
  const row = (what: string) => targets(report).find(other => other.what === what)

  test('targets apply to medians: ratios to C, ratios to the best npm package, or plain values', () => {
    expect(row('cable-long: TCP, offloads on')).toMatchObject({
      value: 1.06,
      target: 'at least 0.95 of C',
      reached: true,
      detail: '16 (15.5 to 16.25) Gbit/s',
    })
    expect(row('cable-long: CPU per GB')).toMatchObject({
      value: 1.25,
      target: 'at most 1.2 of C',
      reached: false,
    })
    expect(row('cable-long: 64-byte UDP frames received')).toMatchObject({
      value: 0.97,
      target: 'at least 0.95 of veth',
      why: 'the path of the kernel alone',
      detail: '600 (600 to 600) kpps',
      reached: true,
    })
    expect(row('a program of vnet/tap: TCP, offloads on')).toMatchObject({
      value: 0.95,
      reached: true,
    })
    expect(row('openTap: the event loop stands still')).toMatchObject({ value: 1.5, reached: true })
    expect(row('close of a Tap: the event loop stands still')).toMatchObject({
      value: 2.5,
      reached: false,
    })
    expect(row('site: exercise 1 at 10 Mbit/s, empty cache, first verdict')).toMatchObject({
      value: 3100,
      reached: false,
      detail: '1500 to 3200, another',
    })
    expect(row('site: the playground, 5 frames/s, drawn')).toMatchObject({
      value: 59.9,
      reached: true,
    })
    expect(row('TCP, to the best npm package')).toMatchObject({ value: 80, reached: true })
    expect(row('CPU per GB, of the best npm package to ours')).toMatchObject({
      value: 120,
      reached: true,
    })
    expect(row('in memory: a flip, to a full checksum of 1,500 bytes')).toMatchObject({
      value: 4,
      reached: true,
    })
    expect(row('peak memory, each further device')).toMatchObject({ value: 0.5, reached: true })
    expect(row('private ioctl under vnet exec, on one CPU, p50')).toMatchObject({
      value: 61,
      target: 'at most 60 us',
      reached: false,
    })
    expect(row('idle CPU')).toMatchObject({ value: 0, reached: true })
  })

  test('a scaling target is missed if even the best sample is below the figure for one device', () => {
    expect(row('cables: TCP, sum, 2 to one')).toMatchObject({ value: 0.99, reached: true })
    expect(row('cables: TCP, sum, 4 to one')).toMatchObject({ value: 0.99, reached: false })
  })

  test('a round trip under SCHED_FIFO has a target of its own, in columns beside the usual policy', () => {
    const vnet = { rtt1_p99: one(14, { vsC: 1.45 }), fifo1_p99: one(43, { vsC: 1.45 }) }
    const both = { cases: [{ kase: 'cable-long', summary: { vnet } }] }
    expect(
      targets(both).map(({ target, reached, policy }) => ({ target, reached, policy })),
    ).toEqual([
      { target: 'at most 1.5 of C', reached: true, policy: undefined },
      { target: 'at most 1.4 of C', reached: false, policy: 'SCHED_FIFO' },
    ])
    const lines = targetsTable(both).split('\n')
    expect(lines[0]).toMatch(/ \| \| under SCHED_FIFO: target \| measured \| \|$/)
    expect(lines[1]).toBe(`|${'---|'.repeat(8)}`)
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(
        /\| reached \| at most 1.4 of C \| 1.45 of C: 43 .* \| \*\*missed\*\* \|$/,
      ),
    ])
    const { fifo1_p99: _, ...usual } = vnet
    const table = targetsTable({ cases: [{ kase: 'cable-long', summary: { vnet: usual } }] })
    expect(table).not.toContain('SCHED_FIFO')
  })

  test('an attack has targets for ratios to the idle flood, and for a ping of at most 1 ms or 1.5 times the time', () => {
    const attack = (tcp: number, p99: number, ratio: number) => {
      return {
        stranger_tcp: one(5, { vsC: tcp }),
        stranger_p99: one(p99, { vsC: ratio }),
        stranger_list: one(300, { vsC: 1.1 }),
      }
    }
    const summary = {
      log: attack(0.9, 3000, 1.4),
      dns: attack(0.8, 3000, 1.6),
      tcp: attack(0.9, 900, 9),
    }
    const rows = targets({
      cases: [{ kase: 'strangers', summary: { ...summary, 'log-idle': attack(1, 1, 1) } }],
    })
    expect(rows.map(({ what, reached }) => [what, reached])).toEqual([
      ['strangers, log: TCP', true],
      ['strangers, log: ping, p99', true],
      ['strangers, log: `vnet list`', true],
      ['strangers, dns: TCP', false],
      ['strangers, dns: ping, p99', false],
      ['strangers, dns: `vnet list`', true],
      ['strangers, tcp: TCP', true],
      ['strangers, tcp: ping, p99', true],
      ['strangers, tcp: `vnet list`', true],
    ])
    expect(rows[1]).toMatchObject({ target: 'at most 1 ms, or 1.5 of idle', value: 3, unit: 'ms' })
  })

  test('a wire has targets for deviation, memory and TCP, and for a rate that is neither missed nor exceeded', () => {
    const summary = {
      plain: { tcp: one(10), rss: one(70) },
      whole: { tcp: one(8.4) },
      packets: { tcp: one(4.1, { vsC: 1.1 }) },
      delay: {
        dev50_p50: one(72),
        dev50_p99: one(249, { vsC: 1.9 }),
        dev200_p99: one(900, { vsC: 2.1 }),
      },
      held: { rss: one(357), held_loss: one(0) },
      rate100m: { rate_share: one(101.5) },
      rate1g: { rate_share: one(99.5) },
    }
    expect(
      targets({ cases: [{ kase: 'wire', summary }] }).map(({ what, reached }) => [what, reached]),
    ).toEqual([
      ['wire: delay 10 ms at 50,000/s, deviation p50', false],
      ['wire: delay 10 ms at 50,000/s, deviation p99', true],
      ['wire: delay 10 ms at 200,000/s, deviation p99', false],
      ['wire: memory of 100,000 packets in flight', false],
      ['wire: 100,000 packets in flight, lost', true],
      ['wire: TCP through delay 1ms limit 10000', true],
      ['wire: TCP through delay 1ms', false],
      ['wire: TCP through rate 100mbit, of what its overhead allows', false],
      ['wire: TCP through rate 1gbit, of what its overhead allows', true],
    ])
  })

  test('a target that was not measured has no row', () => {
    expect(row('snull-long: CPU per GB')).toBeUndefined()
    expect(row('cables: TCP, sum, 8 to one')).toBeUndefined()
    expect(targets({ cases: [] })).toEqual([])
    const alone = {
      kase: 'cable',
      summary: { vnet: { tcp: one(16), udp64: one(800), cpu_gb: one(0.2) } },
    }
    expect(targets({ cases: [alone] })).toEqual([])
  })

  test('targets are printed as a table, with their units', () => {
    expect(targetsTable(report)).toContain(
      '| cable-long: CPU per GB | at most 1.2 of C | C with the same features, and the wake-ups of Node | 1.25 of C: 0.25 (0.25 to 0.25) s/GB | **missed** |',
    )
    expect(targetsTable(report)).toContain(
      '| idle CPU | at most 0 % | C with the same features | 0 % | reached |',
    )
    expect(targetsTable(report)).toContain(
      '| does not fall | one device or queue | 0.99 times | reached |',
    )
    expect(targetsTable(report)).toContain(
      '| figure | target | its reason | measured (2026-11-25, 2 CPUs: a CPU) | |',
    )
  })
})

test('docs/records/performance-targets.md has the table of targets of docs/performance.json', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  expect(file('records/performance-targets.md')).toContain(
    targetsTable(JSON.parse(file('performance.json'))),
  )
})
