/** `vnet metrics` beside a running vnet, read by Prometheus's own checker. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { beforeEach, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { PROGRAM, spawnVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshQuietNamespaces('netns')
beforeEach(() => {
  netns.ip('link set lo up')
})

test('promtool has no complaint, the counters match the vnet’s, and an ended vnet disappears', async () => {
  const within = ['ip', 'netns', 'exec', netns.name]
  const vnet = await spawnVnet(['snull', '--wire', 'delay 1ms', '--json'], { within })
  const exporter = netns.spawn([process.execPath, PROGRAM, 'metrics', '9100'])
  const ended = outcome(exporter)
  await once(exporter.stdout, 'data')
  const scrape = async () => (await netns.run('curl -s http://127.0.0.1:9100/metrics')).stdout
  // Values that are observed only while clients ask exist from the second scrape on.
  expect(await scrape()).not.toContain('nodejs_eventloop_lag')
  await pingWithoutLoss(netns, '-c 3 -i 0.02 198.18.0.2')
  const text = await scrape()
  expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  expect([checked.stderr, checked.status]).toEqual(['', 0])
  const { sn0 } = await stopConserved(vnet)
  expect(text).toContain(
    `vnet_network_transmit_packets_total{device="sn0",netns=""} ${sn0!.total.txPackets}\n`,
  )
  expect(await scrape()).not.toContain('sn0')
  exporter.kill('SIGTERM')
  expect(await ended).toEqual({ status: 0, stdout: 'http://127.0.0.1:9100/metrics\n', stderr: '' })
})
