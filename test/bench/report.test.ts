import { describe, expect, test } from 'vitest'
import { caseTable, median, short, summarise } from '../../bench/report.mjs'

const candidates = { veth: {}, relay: { like: 'relay' }, vnet: { like: 'relay' } }

describe('median', () => {
  test.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
    [[10, 9, 100], 10],
  ])('of %j is %d', (values, middle) => {
    expect(median(values)).toBe(middle)
  })
})

describe('short', () => {
  test.each([
    [16.4712, '16.47'],
    [0.24781, '0.2478'],
    [0, '0'],
    [29_000_000.4, '29000000'],
  ])('%d is shown as %s', (value, text) => {
    expect(short(value)).toBe(text)
  })
})

describe('summarise', () => {
  const samples = {
    veth: [{ tcp: 16 }, { tcp: 20 }, { tcp: 12 }],
    relay: [{ tcp: 8, cpu_gb: 2, reordered: 0 }],
    vnet: [{ tcp: 6, cpu_gb: 3, reordered: 2 }],
  }
  const summary = summarise(samples, candidates, ['tcp', 'cpu_gb', 'reordered'])

  test('gives median, least and greatest', () => {
    expect(summary.veth.tcp).toMatchObject({ median: 16, min: 12, max: 20 })
  })

  test('compares with the C baseline of the same features and with veth', () => {
    expect(summary.vnet.tcp).toMatchObject({ vsC: 0.75, vsVeth: 0.375 })
    expect(summary.vnet.cpu_gb.vsC).toBe(1.5)
  })

  test('has no ratio where there is nothing to compare with', () => {
    expect(summary.veth.tcp.vsC).toBeUndefined()
    expect(summary.vnet.cpu_gb.vsVeth).toBeUndefined()
    expect(summary.vnet.reordered.vsC).toBeUndefined()
  })

  test('leaves out what a candidate has no value for', () => {
    expect(summary.veth.cpu_gb).toBeUndefined()
  })
})

describe('caseTable', () => {
  const table = (row: Record<string, number>, failures: string[] = []) => {
    const samples = { vnet: [{ tcp: 6, ...row }] }
    const summary = summarise(samples, candidates, ['tcp'])
    return caseTable({ kase: 'cable', rounds: 1, seconds: 1, metrics: ['tcp'], samples, summary, failures })
  }

  test('of a quiet run warns of nothing', () => {
    expect(table({ reordered: 0, csum_errors: 0, foreign_cores: 0.01, stolen_cores: 0 })).not.toContain('WARNING')
  })

  test.each([
    [{ foreign_cores: 0.5 }, 'other programs used up to 0.5 cores'],
    [{ stolen_cores: 0.5 }, 'the hypervisor took up to 0.5 cores'],
    [{ reordered: 3 }, 'up to 3 frames came out of order'],
    [{ csum_errors: 1 }, 'up to 1 checksum or header errors'],
  ])('with %j warns, whatever metrics were asked for', (row, text) => {
    expect(table(row)).toMatch(new RegExp(`^WARNING vnet: .*${text}$`, 'm'))
  })

  test('names every failure', () => {
    expect(table({}, ['vnet, round 1: no answer'])).toContain('FAILED vnet, round 1: no answer')
  })
})
