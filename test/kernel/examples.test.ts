/** The example driver of the README, run as the README says. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Netns, OwnNetns } from '../support/netns.ts'
import { startVnet, stopConserved } from '../support/vnet-process.ts'

let own: OwnNetns
let netns: Netns

beforeEach(() => {
  own = new OwnNetns()
  netns = own.add()
})
afterEach(() => own.remove())

test('every address behind pong answers ping, whatever the checksum', async () => {
  const vnet = await startVnet(['./examples/pong.js', '--netns', netns.name, '--json'])
  for (const [host, size] of [
    [2, 56],
    [77, 0],
    [254, 1400],
  ]) {
    const { stdout, stderr } = await netns.run(`ping -c 20 -i 0.002 -w 30 -s ${size} 198.18.0.${host}`)
    expect(stdout + stderr).toContain(' 20 received')
  }
  await stopConserved(vnet)
})
