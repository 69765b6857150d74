/** `vnet lan --uplink` on an existing network: it serves nothing there by default. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const { near, far, directory } = freshNamespaces('near', 'far')
beforeEach(() => {
  near.ip(`link add veth0 type veth peer name eth0 netns ${far.name}`, 'link set veth0 up')
  far.ip(
    'link set eth0 up',
    'addr add 198.18.0.60/24 dev eth0',
    'addr add fe80::60/64 dev eth0 nodad',
  )
})

const OFF =
  /the uplink has an address, 192\.0\.2\.7\/24: .* are off unless --config or --serve enables them$/

async function start(...args: string[]): Promise<Running> {
  const options = ['--hosts', '2', '--uplink', 'veth0', '--negotiation', '0', ...args]
  const vnet = await spawnVnet(['lan', 'eth9', ...options], {
    within: ['ip', 'netns', 'exec', near.name],
  })
  // The hosts are reached, whatever they serve.
  expect((await far.run('ping -c 1 -W 30 198.18.0.2')).stdout).toContain(' 1 received')
  return vnet
}

/**
 * Returns the services that reply at the other end: DHCP of the gateway, UDP and TCP echo of a
 * host, router advertisements.
 */
async function served(vnet: Running) {
  const scan = async (how: string, port: number, address: string) =>
    /^\d+\/\w+\s+open\s/m.test((await far.run(`nmap -n -Pn ${how} -p ${port} ${address}`)).stdout)
  const closed = /^67\/udp\s+closed\s/m.test(
    (await far.run('nmap -n -Pn -sU -p 67 198.18.0.1')).stdout,
  )
  // A sender of advertisements logs the solicitation before it handles the ping that follows.
  const before = vnet.stderr.length
  await far.run('rdisc6 -1 -q -r 1 -w 1 eth0')
  expect((await far.run('ping -c 1 -W 30 198.18.0.2')).stdout).toContain(' 1 received')
  // The line came before the reply, but may be read after the end of ping.
  await new Promise(setImmediate)
  return {
    ra: /RTR-SOLICIT/.test(vnet.stderr.slice(before)),
    dhcp: !closed,
    echo: [await scan('-sU', 7, '198.18.0.2'), await scan('-sT', 7, '198.18.0.2')],
  }
}

const NOTHING = { dhcp: false, echo: [false, false], ra: false }
const ALL = { dhcp: true, echo: [true, true], ra: true }

test('an uplink that has an address gets no DHCP, advertisements or services, which one line reports', async () => {
  near.ip('addr add 192.0.2.7/24 dev veth0')
  const vnet = await start()
  expect(vnet.stderr.split('\n').filter(line => OFF.test(line))).toHaveLength(1)
  expect(await served(vnet)).toEqual(NOTHING)
})

test('--serve turns DHCP, advertisements and services on for an uplink that has an address', async () => {
  near.ip('addr add 192.0.2.7/24 dev veth0')
  const vnet = await start('--serve')
  expect(vnet.stderr).not.toMatch(OFF)
  expect(await served(vnet)).toEqual(ALL)
})

test('a configuration turns on only the services it names, also after it is read again', async () => {
  near.ip('addr add 192.0.2.7/24 dev veth0')
  const config = join(directory, 'lan.yaml')
  writeFileSync(config, 'dhcp: {}\n')
  const vnet = await start('--config', config)
  await vnet.line(OFF)
  expect(await served(vnet)).toEqual({ ...NOTHING, dhcp: true })
  writeFileSync(config, 'ra: {}\n')
  vnet.hangUp()
  await vnet.line(/configuration read again/)
  expect(await served(vnet)).toEqual({ ...NOTHING, ra: true })
})

test('an uplink that has only link-local addresses gets DHCP, advertisements and services', async () => {
  const vnet = await start()
  expect(vnet.stderr).not.toMatch(OFF)
  expect(await served(vnet)).toEqual(ALL)
})
