import { describe, expect, test } from 'vitest'
import { furtherDevices, median, spread, subtractPlain, summarise } from '../../bench/summary.mjs'

describe('median', () => {
  test.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[10, 9, 100], 10],
  ])('the median of %j is %d', (values, middle) => {
    expect(median(values)).toBe(middle)
  })
})

describe('subtractPlain', () => {
  const metrics = { p99: {}, dev_p99: { over: ['p99', 'p50'] } }

  test('the median of the plain candidate is subtracted from every sample that has the metric', () => {
    const samples = {
      plain: [{ p50: 10 }, { p50: 14 }, { p50: 90 }],
      delay: [{ p99: 60 }, {}],
      other: [{ tcp: 1 }],
    }
    subtractPlain(samples, 'plain', metrics)
    expect(samples.delay).toEqual([{ p99: 60, dev_p99: 46 }, {}])
    expect(samples.other).toEqual([{ tcp: 1 }])
  })

  test('no difference is added if the plain candidate was not measured', () => {
    const samples = { delay: [{ p99: 60 }] }
    subtractPlain(samples, 'plain', metrics)
    expect(samples.delay).toEqual([{ p99: 60 }])
  })
})

test('spread has the median, minimum, maximum and number of samples', () => {
  expect(spread([3, 1, 2])).toEqual({ n: 3, median: 2, min: 1, max: 3 })
})

describe('summarise', () => {
  const candidates = { veth: {}, relay: { like: 'relay' }, vnet: { like: 'relay' } }
  const samples = {
    veth: [{ tcp: 16 }, { tcp: 20 }, { tcp: 12 }],
    relay: [{ tcp: 8, cpu_gb: 2, reordered: 0 }],
    vnet: [{ tcp: 6, cpu_gb: 3, reordered: 2 }],
  }
  const summary = summarise(samples, candidates, ['tcp', 'cpu_gb', 'reordered'])

  test('a summary has the median, the minimum and the maximum', () => {
    expect(summary.veth.tcp).toMatchObject({ median: 16, min: 12, max: 20 })
  })

  test('the summary compares with veth and with the C baseline that has the same features', () => {
    expect(summary.vnet.tcp).toMatchObject({ vsC: 0.75, vsVeth: 0.375 })
    expect(summary.vnet.cpu_gb.vsC).toBe(1.5)
  })

  test('a summary has no ratio if there is nothing to compare with', () => {
    expect(summary.veth.tcp.vsC).toBeUndefined()
    expect(summary.vnet.cpu_gb.vsVeth).toBeUndefined()
    expect(summary.vnet.reordered.vsC).toBeUndefined()
  })

  test('the summary omits a metric for which a candidate has no value', () => {
    expect(summary.veth.cpu_gb).toBeUndefined()
  })

  test('the summary compares several cables with the same number of another candidate', () => {
    const sized = { 'veth/1': { size: 1 }, 'veth/2': { size: 2 }, 'vnet/2': { size: 2 } }
    const rows = { 'veth/1': [{ tcp: 1 }], 'veth/2': [{ tcp: 20 }], 'vnet/2': [{ tcp: 10 }] }
    expect(summarise(rows, sized, ['tcp'])['vnet/2'].tcp.vsVeth).toBe(0.5)
  })
})

describe('furtherDevices', () => {
  const cables = (base: string, pairs: number) => ({ base, pairs })
  const rss = (median: number) => ({ rss: { n: 1, median, min: median, max: median } })

  test('furtherDevices is the memory per device from the fewest to the most, with two devices per cable', () => {
    const candidates = {
      'vnet/8': cables('vnet', 8),
      'vnet/1': cables('vnet', 1),
      'vnet/2': cables('vnet', 2),
    }
    const summary = { 'vnet/8': rss(90), 'vnet/1': rss(62), 'vnet/2': rss(99) }
    expect(furtherDevices(summary, candidates)).toEqual({ vnet: 2 })
  })

  test('furtherDevices needs two sizes and a measured memory', () => {
    const candidates = {
      'vnet/1': cables('vnet', 1),
      'veth/1': cables('veth', 1),
      'veth/2': cables('veth', 2),
      relay: {},
    }
    const summary = { 'vnet/1': rss(62), 'veth/1': {}, 'veth/2': {}, relay: rss(1) }
    expect(furtherDevices(summary, candidates)).toEqual({})
  })
})
