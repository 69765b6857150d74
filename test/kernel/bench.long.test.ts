/**
 * Short runs of the parts of the benchmark that load the machine for long. The values do not
 * matter.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const namespaces = (): string[] => readdirSync('/run/netns').filter(name => name.startsWith('vnetbench'))

test('the bench runs vnet and the C program side by side and answers in JSON', { timeout: 120_000 }, async () => {
  const options = ['--only', 'cable', '--rounds', '1', '--secs', '0.5', '--candidates', 'relay-offload,vnet']
  const before = namespaces()
  const args = ['bench/bench.mjs', ...options, '--metrics', 'udp64', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 })
  const text = JSON.stringify(JSON.parse(stdout))
  expect(text).toContain('relay-offload')
  expect(text).toMatch(/"vsC":[0-9.]+/)
  expect(namespaces()).toEqual(before)
})

test('the bench sweeps 10,000 hosts, all of which answer, and they take less than 64 MiB', {
  timeout: 120_000,
}, async () => {
  const before = namespaces()
  const options = ['--only', 'lan', '--metrics', 'sweep,rss', '--rounds', '1', '--secs', '0.5', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/bench.mjs', ...options])
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  const [one, many] = [summary['vnet/1'], summary['vnet/10000']]
  expect(many.sweep.median).toBeGreaterThan(0)
  expect(many.rss.median - one.rss.median).toBeLessThan(64)
  expect(namespaces()).toEqual(before)
})

test('the bench floods a vnet as much as a socket that is idle, and leaves nothing', { timeout: 120_000 }, async () => {
  const before = namespaces()
  const names = ['stranger_tcp', 'stranger_p99', 'stranger_list', 'stranger_rate']
  const what = ['--only', 'strangers', '--candidates', 'udp-echo', '--metrics', names.join(',')]
  const args = ['bench/bench.mjs', ...what, '--rounds', '1', '--secs', '0.5', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  for (const figures of [summary['udp-echo'], summary['udp-echo-idle']]) {
    expect(Object.keys(figures)).toEqual(names)
    for (const { median } of Object.values<{ median: number }>(figures)) expect(median).toBeGreaterThan(0)
  }
  expect(namespaces()).toEqual(before)
  expect(readdirSync('/var/tmp').filter(name => name.startsWith('vnetbench'))).toEqual([])
})
