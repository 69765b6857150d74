import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { charts } from '../../bench/charts.mjs'
import { barCharts } from '../../bench/svg.mjs'

const bar = (label: string, median: number, min = median, max = median) => {
  return { label, median, min, max, value: String(median), ours: label === 'vnet' }
}
const panel = (...bars: ReturnType<typeof bar>[]) => [{ title: 'TCP', note: 'Gbit/s', bars }]
const widths = (svg: string) =>
  [...svg.matchAll(/<rect class="(?:bar|ours)"[^>]* width="([\d.]+)"/g)].map(([, w]) => Number(w))

describe('barCharts', () => {
  test('a bar chart has bars as long as their medians, on one scale that fits the maximum', () => {
    const [veth, vnet] = widths(
      barCharts('t', 'p', panel(bar('veth', 10, 5, 20), bar('vnet', 20, 20, 20))),
    )
    expect(vnet).toBe(400)
    expect(veth).toBe(200)
  })

  test('a bar chart has a line from the minimum to the maximum', () => {
    const svg = barCharts('t', 'p', panel(bar('vnet', 10, 5, 20)))
    const [from, to] = /d="M([\d.]+) [\d.]+H([\d.]+)"/.exec(svg)!.slice(1).map(Number)
    expect(to - from).toBeCloseTo(300, 0)
  })

  test('a bar chart marks the bars of vnet', () => {
    expect(
      barCharts('t', 'p', panel(bar('veth', 1), bar('vnet', 1))).match(/class="ours"/g),
    ).toHaveLength(1)
  })

  test('a bar chart has bars of length zero if all values are zero', () => {
    expect(widths(barCharts('t', 'p', panel(bar('veth', 0), bar('vnet', 0))))).toEqual([0, 0])
  })

  test('a bar chart escapes markup', () => {
    const svg = barCharts('a < b & "c"', '<p>', panel(bar('<x>', 1)))
    expect(svg).not.toMatch(/<x>|<p>|a < b|& /)
  })
})

describe('charts', () => {
  const entry = { n: 1, median: 2, min: 1, max: 3 }
  const result = {
    kase: 'cable',
    rounds: 5,
    seconds: 2,
    metrics: ['tcp', 'udp64_loss', 'rtt1_p50', 'gso'],
    ours: ['vnet'],
    summary: {
      veth: { tcp: entry },
      vnet: { tcp: { ...entry, vsC: 0.97 }, udp64_loss: entry, rtt1_p50: entry },
    },
  }
  const memory = {
    results: [{ name: 'ring', title: 'ring: push', perSecond: { ...entry, median: 2e8 } }],
    failures: [],
  }

  test('the report has one chart for each measured case and kind of figure, and one for memory', () => {
    expect(Object.keys(charts({ cases: [result], memory }))).toEqual([
      'cable-throughput',
      'cable-latency',
      'memory',
    ])
    expect(charts({ cases: [] })).toEqual({})
  })

  test('the charts contain the figures, the ratios of vnet to C, and how and where they were measured', () => {
    const svg = charts({
      cases: [result],
      environment: { cpu: 'EPYC', kernel: '6.18', node: 'v20.20.2' },
    })['cable-throughput']
    expect(svg).toContain('>2  (0.97 x C)<')
    expect(svg).toContain('median of 5 x 2 s')
    expect(svg).toContain('EPYC, Linux 6.18, Node v20.20.2')
  })

  test('the charts omit a figure that no candidate has', () => {
    expect(charts({ cases: [result] })['cable-throughput']).not.toContain('UDP_SEGMENT')
  })

  test('the same report gives identical charts, byte for byte', () => {
    expect(charts({ cases: [result], memory })).toEqual(charts({ cases: [result], memory }))
  })
})

test('docs/performance has the charts that docs/records/performance-targets.md shows, as drawn from its report', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const drawn: Record<string, string> = charts(JSON.parse(file('performance.json')))
  const shown = [
    ...file('records/performance-targets.md').matchAll(/\(\.\.\/performance\/([\w-]+)\.svg\)/g),
  ].map(([, name = '']) => name)
  const files = readdirSync(new URL('../../docs/performance', import.meta.url))
  expect(files.sort()).toEqual(shown.map(name => `${name}.svg`).sort())
  for (const name of shown) {
    expect(file(`performance/${name}.svg`), name).toBe(drawn[name])
  }
})
