import { expect, test } from 'vitest'
import { compare } from '../../bench/compare.mjs'

const entry = (min: number, max: number, n = 3) => ({ n, median: (min + max) / 2, min, max })
type Row = Record<string, ReturnType<typeof entry>>

const report = (summary: Record<string, Row>, more: object = {}) => ({
  environment: { cpu: 'EPYC', node: 'v20' },
  cases: [{ kase: 'cable', ours: ['vnet'], summary }],
  ...more,
})
const vnet = (row: Row, more: object = {}) => report({ vnet: row }, more)
const names = (figures: { where: string; name: string }[]) =>
  figures.map(({ where, name }) => `${where} ${name}`)

test('a figure is slower if all samples are worse than all old samples', () => {
  const found = compare(vnet({ tcp: entry(14, 16) }), vnet({ tcp: entry(12, 13) }))
  expect(names(found.worse)).toEqual(['cable vnet tcp'])
  expect(found).toMatchObject({ better: [], compared: 1, incomparable: 0 })
})

test('a figure within the spread is not slower, whatever the medians', () => {
  const found = compare(vnet({ tcp: entry(12, 16) }), vnet({ tcp: entry(8, 12) }))
  expect(found).toMatchObject({ worse: [], better: [], compared: 1 })
})

test('more is worse for times and costs', () => {
  const found = compare(
    vnet({ rtt1_p50: entry(20, 21), cpu_gb: entry(3, 4) }),
    vnet({ rtt1_p50: entry(22, 23), cpu_gb: entry(1, 2) }),
  )
  expect(names(found.worse)).toEqual(['cable vnet rtt1_p50'])
  expect(names(found.better)).toEqual(['cable vnet cpu_gb'])
})

test('a slower candidate other than vnet is reported and does not count as slower', () => {
  const found = compare(
    report({ veth: { tcp: entry(14, 16) } }),
    report({ veth: { tcp: entry(9, 10) } }),
  )
  expect(found.worse).toEqual([])
  expect(names(found.elsewhere)).toEqual(['cable veth tcp'])
})

test('a single round is not compared, because it has no spread', () => {
  const found = compare(vnet({ tcp: entry(16, 16, 1) }), vnet({ tcp: entry(1, 2) }))
  expect(found).toMatchObject({ worse: [], compared: 0, incomparable: 1 })
})

test('figures that only one report has are skipped', () => {
  const found = compare(
    vnet({ tcp: entry(1, 2) }),
    report({ other: { tcp: entry(1, 2) }, vnet: { bidir: entry(1, 2) } }),
  )
  expect(found).toMatchObject({ worse: [], compared: 0, incomparable: 0 })
})

test('figures in memory are compared, too', () => {
  const memory = (perSecond: object) => ({
    memory: { results: [{ name: 'pool', perSecond }], failures: [] },
  })
  const found = compare(vnet({}, memory(entry(100, 110))), vnet({}, memory(entry(80, 90))))
  expect(names(found.worse)).toEqual(['memory pool'])
})

test('the comparison reports that the machines differ', () => {
  const other = { environment: { cpu: 'EPYC', node: 'v22' } }
  expect(compare(vnet({}), vnet({}, other)).differences).toEqual(['node was v20, is v22'])
})
