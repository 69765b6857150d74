/** `vnet lan` by parameters, a file and code, on a platform in memory. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { type Driver, defaultParams, formatParam } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { registerNetdev } from '#src/netdev/register.ts'
import { formatAddress } from '#src/packet/address.ts'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { addDriver, type MemoryNet, memoryNets } from '#support/memory-net.ts'
import type { Lan } from '../src/backbone.ts'
import { driver, type LanOptions, lan } from '../src/driver.ts'
import { portAddress } from '../src/port/device.ts'
import { host } from '../src/services/tcp-handlers.ts'
import type { Segment } from '../src/switch/segment.ts'
import { account } from './backbone-net.ts'

const makeNet = memoryNets()
const running: { driver: Driver; memory?: MemoryNet; segment?: Segment }[] = []
const directory = freshDirectory()
afterEach(async () => {
  for (const { driver, memory, segment } of running.splice(0)) {
    await driver.exit?.()
    if (memory && segment) {
      account(memory, segment)
    }
  }
})

/**
 * Starts a driver with its port in another namespace, where leases are not kept by default. `hosts`
 * are the addresses of the hosts at each call of `start`.
 */
async function start(
  options: LanOptions = {},
  params: Record<string, unknown> = {},
  args = ['far/eth8'],
) {
  const hosts: string[][] = []
  const memory = makeNet()
  const mine = lan({
    ...options,
    start(lan) {
      running.push({ driver: mine as unknown as Driver, memory, segment: lan.segment })
      hosts.push(
        Array.from({ length: lan.hosts.size }, (_, index) =>
          lan.hosts.host(index).ip.map(formatAddress).join(),
        ),
      )
      return options.start?.(lan)
    },
  })
  return {
    driver: mine,
    memory,
    hosts,
    ...(await addDriver(memory, mine, { negotiation: 0, ...params }, { args })),
  }
}

const file = (text: string) => written(directory, 'lan.yaml', text)

describe('the network is', () => {
  test('the parameters of lan describe the network', async () => {
    const { hosts } = await start({}, { network: '192.0.2.0/28', network6: 'none', hosts: 2 })
    expect(hosts).toEqual([['192.0.2.1', '192.0.2.2', '192.0.2.3']])
  })

  test('code describes the network, and parameters override it', async () => {
    const options = {
      network: '192.0.2.0/28',
      gateway: { ip: '192.0.2.7' },
      hosts: [host({ ip: '192.0.2.3' })],
    }
    expect((await start(options)).hosts).toEqual([['192.0.2.7', '192.0.2.3']])
    expect(
      (await start({ ...options, gateway: {} }, { network: '192.0.2.0/24' })).hosts[0]?.[0],
    ).toBe('192.0.2.1')
  })

  test('a file describes the network, with the hosts of code and --hosts', async () => {
    const config = file('network: 192.0.2.0/28\nhosts: [{ ip: 192.0.2.3 }]')
    const { hosts } = await start({ hosts: [host({ ip: '192.0.2.5' })] }, { config, hosts: 2 })
    expect(hosts).toEqual([['192.0.2.1', '192.0.2.3', '192.0.2.5', '192.0.2.2', '192.0.2.4']])
  })

  test.each<[string, LanOptions, Record<string, unknown>, RegExp]>([
    ['an invalid network', {}, { network: 'x' }, /^network: expected an IPv4 network .*, got 'x'$/],
    [
      'a host at the address of the gateway',
      { hosts: [host({ ip: '198.18.0.1', mac: '02:00:00:00:00:01' })] },
      {},
      /^host 198\.18\.0\.1: another host has that address$/,
    ],
    ['too few addresses', {}, { hosts: 154 }, /there is room for 153/],
    [
      'a conflict in the code',
      { network: '192.0.2.0/24', gateway: { ip: '192.0.2.100' } },
      {},
      /^gateway\.ip: 192\.0\.2\.100 overlaps 192\.0\.2\.100-192\.0\.2\.199 of dhcp\.pool \(the default\)$/,
    ],
    [
      'a network in a file and in parameters',
      {},
      { config: 'x.yaml', network6: 'none' },
      /remove --network and --network6/,
    ],
    [
      'dns in a file and in code',
      { dns: false },
      { config: 'x.yaml' },
      /the driver file sets dns, which --config describes/,
    ],
    [
      'a missing file',
      {},
      { config: '/nowhere/lan.yaml' },
      /^\/nowhere\/lan\.yaml: no such file or directory$/,
    ],
    [
      'a lease file in a missing directory',
      {},
      { leases: '/nowhere/leases' },
      /^write leases \/nowhere\/leases: ENOENT/,
    ],
    ['a namespace without a name', {}, {}, /is not \[NETNS\/\]IF/],
  ])('a setup with %s is rejected in one line', async (what, options, params, message) => {
    const args = what === 'a namespace without a name' ? ['far/eth8', '/eth9'] : ['far/eth8']
    await expect(start(options, params, args)).rejects.toThrow(message)
  })

  test('an invalid file is rejected with the position of its problem', async () => {
    await expect(start({}, { config: file('dhcp:\n  pool: x') })).rejects.toThrow(
      /lan\.yaml:2:9: dhcp\.pool: expected /,
    )
  })
})

describe('a port', () => {
  const addressOf = (dev: NetDevice | undefined) => Buffer.from(dev?.devAddr ?? []).toString('hex')
  const ofName = (name: string, oui?: Uint8Array) =>
    Buffer.from(portAddress(name, oui)).toString('hex')

  test('the MAC address of a port is made from the name that it gets', async () => {
    const { devices } = await start({}, {}, ['far/eth%d', 'far/eth7', 'far/eth%d'])
    expect(devices.map(({ name }) => name)).toEqual(['eth0', 'eth7', 'eth1'])
    expect(devices.map(addressOf)).toEqual(['eth0', 'eth7', 'eth1'].map(name => ofName(name)))
  })

  test('ports of one name in two namespaces have different MAC addresses', async () => {
    const memory = makeNet()
    const mine = lan()
    running.push({ driver: mine as unknown as Driver })
    const specs = mine.init(defaultParams(mine.params), {
      args: ['a/eth8', 'b/eth8'],
      names: [],
      net: memory.net,
      txqs: 1,
      rxqs: 1,
    })
    const addresses = specs.map(({ dev }) => {
      dev.netdevOps.ndoInit?.(dev as never)
      return addressOf(dev as NetDevice)
    })
    expect(addresses).toEqual([ofName('eth8'), ofName('b/eth8')])
  })

  test('--oui sets the first three bytes of the MAC addresses of the port and the hosts', async () => {
    const oui = driver.params.oui.parse('00:1b:21') as Uint8Array
    const macs: string[] = []
    const started = ({ gateway }: Lan) => void macs.push(Buffer.from(gateway.mac).toString('hex'))
    const { devices } = await start({ start: started }, { oui })
    expect([addressOf(devices[0]), macs]).toEqual([ofName('eth8', oui), ['001b21120001']])
  })

  test('a port keeps a MAC address that is set before it is registered', async () => {
    const memory = makeNet()
    const mine = lan()
    running.push({ driver: mine as unknown as Driver })
    const [spec] = mine.init(defaultParams(mine.params), {
      args: ['far/eth8'],
      names: [],
      net: memory.net,
      txqs: 1,
      rxqs: 1,
    })
    const dev = spec?.dev as NetDevice
    dev.devAddr.set([2, 0, 0, 0, 0, 5])
    await registerNetdev(dev, memory.net)
    expect(addressOf(dev)).toBe('020000000005')
  })

  test.each(['00:1b', '01:00:5e', '00:1b:21:00', 'x'])('--oui %s is rejected', text => {
    expect(() => driver.params.oui.parse(text)).toThrow(UsageError)
  })

  test('--oui is shown as it is written', () => {
    const { oui } = driver.params
    expect([formatParam(oui, oui.parse('00:1B:21')), formatParam(oui, undefined)]).toEqual([
      '00:1b:21',
      '',
    ])
  })
})

describe('a file of leases', () => {
  test('the file of --leases is created only if there is a DHCP server', async () => {
    const leases = join(directory, 'leases')
    await start({ dhcp: false }, { leases })
    expect(existsSync(leases)).toBe(false)
    await start({}, { leases })
    expect(JSON.parse(readFileSync(leases, 'utf8'))).toEqual({ version: 1, leases: [] })
  })

  test('a malformed lease file is rejected and kept', async () => {
    const leases = join(directory, 'leases')
    writeFileSync(leases, '{')
    const started = start({}, { leases })
    await expect(started).rejects.toThrow(UsageError)
    await expect(started).rejects.toThrow(/correct the file, or remove it/)
    expect(readFileSync(leases, 'utf8')).toBe('{')
  })
})

describe('reading again', () => {
  test('only a driver with a configuration file can reload', async () => {
    const config = file('')
    expect([(await start()).driver.reload, (await start({}, { config })).driver.reload]).toEqual([
      undefined,
      expect.any(Function),
    ])
  })

  test('a reload applies the current file; if that is invalid, nothing changes', async () => {
    const config = file('hosts: [{ ip: 198.18.0.7 }]')
    const { driver, hosts } = await start({ hosts: [host({ ip: '198.18.0.9' })] }, { config })
    file('hosts: [{ ip: 198.18.0.8 }]')
    driver.reload?.()
    file('hosts: [{ ip: 198.18.0.9 }]')
    expect(() => driver.reload?.()).toThrow(/: another host has that hardware address$/)
    file('hosts: [{ ip: 198.19.0.9 }]')
    expect(() => driver.reload?.()).toThrow(/lan\.yaml:1:15: hosts\[0\]\.ip/)
    expect(hosts).toEqual([
      ['198.18.0.1', '198.18.0.7', '198.18.0.9'],
      ['198.18.0.1', '198.18.0.8', '198.18.0.9'],
    ])
  })
})
