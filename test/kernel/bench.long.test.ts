/**
 * Short runs of the benchmark's parts clean up after themselves. The values do not matter. All are
 * in this file, so that no run sees the namespaces of another.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const namespaces = (): string[] =>
  readdirSync('/run/netns').filter(name => name.startsWith('vnetbench'))

test('the bench runs vnet and the C program side by side and reports in JSON', async () => {
  const options = [
    '--only',
    'cable',
    '--rounds',
    '1',
    '--secs',
    '0.5',
    '--candidates',
    'relay-offload,vnet',
  ]
  const before = namespaces()
  const args = ['bench/bench.mjs', ...options, '--metrics', 'udp64', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 })
  const text = JSON.stringify(JSON.parse(stdout))
  expect(text).toContain('relay-offload')
  expect(text).toMatch(/"vsC":[0-9.]+/)
  expect(namespaces()).toEqual(before)
})

test('the bench starts 10,000 hosts, in less than 64 MiB', async () => {
  const before = namespaces()
  const options = [
    '--only',
    'lan',
    '--metrics',
    'ready,rss',
    '--rounds',
    '1',
    '--secs',
    '0.5',
    '--json',
    '-',
  ]
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/bench.mjs', ...options])
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  const [one, many] = [summary['vnet/1'], summary['vnet/10000']]
  expect(many.ready.median).toBeGreaterThan(0)
  expect(many.rss.median - one.rss.median).toBeLessThan(64)
  expect(namespaces()).toEqual(before)
})

test('the bench measures the latency beyond a plain cable, and packets in flight with their memory', async () => {
  const before = namespaces()
  const names = ['owd50_p50', 'dev50_p50', 'held_loss', 'rss']
  const what = [
    '--only',
    'wire',
    '--candidates',
    'plain,c-delay,c-held',
    '--metrics',
    names.join(','),
  ]
  const args = ['bench/bench.mjs', ...what, '--rounds', '1', '--secs', '0.5', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  const [plain, delay, held] = [summary.plain, summary['c-delay'], summary['c-held']]
  expect([plain, delay, held].map(Object.keys)).toEqual([
    ['owd50_p50', 'dev50_p50', 'rss'],
    ['owd50_p50', 'dev50_p50', 'rss'],
    ['held_loss', 'rss'],
  ])
  expect(delay.dev50_p50.median).toBeCloseTo(delay.owd50_p50.median - plain.owd50_p50.median)
  expect(delay.owd50_p50.median).toBeGreaterThan(0)
  // A busy machine loses many packets before they are in flight, so the memory has no lower limit.
  expect(held.held_loss.median).toBeLessThan(100)
  for (const { rss } of [plain, delay, held]) {
    expect(rss.median).toBeGreaterThan(0)
  }
  expect(namespaces()).toEqual(before)
})

test('the bench floods a vnet as much as an idle socket, and cleans up', async () => {
  const before = namespaces()
  const names = ['stranger_tcp', 'stranger_p99', 'stranger_list', 'stranger_rate']
  const what = ['--only', 'strangers', '--candidates', 'udp-echo', '--metrics', names.join(',')]
  const args = ['bench/bench.mjs', ...what, '--rounds', '1', '--secs', '0.5', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  for (const figures of [summary['udp-echo'], summary['udp-echo-idle']]) {
    expect(Object.keys(figures)).toEqual(names)
    for (const { median } of Object.values<{ median: number }>(figures)) {
      expect(median).toBeGreaterThan(0)
    }
  }
  expect(namespaces()).toEqual(before)
  expect(readdirSync('/var/tmp').filter(name => name.startsWith('vnetbench'))).toEqual([])
})

test('the bench sends vnet and the C program the same requests, and measures their response times', async () => {
  const before = namespaces()
  const names = ['echo1_p50', 'ioctl1_p99', 'passed1_p50']
  const options = [
    '--only',
    'control',
    '--metrics',
    names.join(','),
    '--rounds',
    '1',
    '--secs',
    '0.5',
    '--json',
    '-',
  ]
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/bench.mjs', ...options])
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  for (const figures of [summary.control, summary.vnet]) {
    expect(Object.keys(figures)).toEqual(names)
    for (const { median } of Object.values<{ median: number }>(figures)) {
      expect(median).toBeGreaterThan(0)
    }
  }
  expect(namespaces()).toEqual(before)
})
