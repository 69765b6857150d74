/**
 * A short run of the benchmark measures the selected figures and leaves nothing behind. The values
 * do not matter.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const namespaces = (): string[] => readdirSync('/run/netns').filter(name => name.startsWith('vnetbench'))

test('the bench asks vnet and the C program the same, and has the time that each took to answer', {
  timeout: 120_000,
}, async () => {
  const before = namespaces()
  const names = ['echo1_p50', 'ioctl1_p99', 'passed1_p50']
  const options = ['--only', 'control', '--metrics', names.join(','), '--rounds', '1', '--secs', '0.5', '--json', '-']
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/bench.mjs', ...options])
  const [{ summary, failures }] = JSON.parse(stdout).cases
  expect(failures).toEqual([])
  for (const figures of [summary.control, summary.vnet]) {
    expect(Object.keys(figures)).toEqual(names)
    for (const { median } of Object.values<{ median: number }>(figures)) expect(median).toBeGreaterThan(0)
  }
  expect(namespaces()).toEqual(before)
})
