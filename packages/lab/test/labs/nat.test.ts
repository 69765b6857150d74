/** The NATs of a lab: coturn classifies them (RFC 5780); natpmpc and upnpc request ports. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { createLab } from '../../src/index.ts'

const ADDRESSES = ['192.0.2.1', '192.0.2.2']

test.each([
  ['full-cone', 'Endpoint Independent Mapping', 'Endpoint Independent Filtering'],
  ['restricted', 'Endpoint Independent Mapping', 'Address Dependent Filtering'],
  ['port-restricted', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
  ['symmetric', 'Address and Port Dependent Mapping', 'Address and Port Dependent Filtering'],
  ['masquerade', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
] as const)('coturn finds that %s has %s and %s', async (nat, mapping, filtering) => {
  await using lab = await createLab({ seed: 7 })
  const [client, stun] = lab.hosts('client', 'stun')
  const internet = await lab.router('internet')
  const addresses = [ADDRESSES.map(each => `${each}/24`), ['192.0.2.254/24']] as const
  await lab.cable(stun, internet, { addresses })
  await lab.router('router', { inside: [client], outside: internet, nat })
  const directory = testDirectory()
  const listening = ADDRESSES.flatMap(each => ['-L', each])
  stun.spawn('turnserver', [
    ...[
      '-n',
      '-S',
      '-z',
      '--no-cli',
      '--log-file',
      'stdout',
      '--pidfile',
      join(directory, 'pid'),
      ...listening,
    ],
  ])
  const discover = async (what: string) =>
    (await client.exec('turnutils_natdiscovery', [what, ADDRESSES[0]!])).stdout
  // Until the server listens, it refuses.
  while (!(await discover('-m')).includes('response 1')) {}
  expect(await discover('-m')).toContain(`NAT with ${mapping}!`)
  expect(await discover('-f')).toContain(`NAT with ${filtering}!`)
})

test.each(['udp', 'tcp'])(
  'natpmpc asks a home router for a port of %s, and a peer outside reaches it',
  async protocol => {
    await using lab = await createLab({ seed: 7 })
    const [client, peer] = lab.hosts('client', 'peer')
    const home = await lab.router('home', { inside: [client], outside: peer, preset: 'home' })
    const gateway = home.interfaces
      .find(({ name }) => name === 'client')!
      .addresses[0]!.split('/')[0]!
    const { status, stdout } = await client.exec('natpmpc', [
      '-g',
      gateway,
      '-a',
      '0',
      '7000',
      protocol,
      '600',
    ])
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('to local port 7000'),
    })
    const port = Number(/Mapped public port (\d+)/.exec(stdout)?.[1])
    const outside = /Public IP address : (\S+)/.exec(stdout)?.[1] ?? ''
    if (protocol === 'udp') {
      const [receiver, sender] = [
        await client.createSocket('udp4', 7000),
        await peer.createSocket('udp4'),
      ]
      sender.send('hello', port, outside)
      expect(String((await once(receiver, 'message'))[0])).toBe('hello')
    } else {
      const listener = net.createServer()
      await client.listen(listener, 7000)
      const accepted = once(listener, 'connection')
      await peer.connect(port, outside)
      await accepted
    }
  },
)

/** The chains in which miniupnpd adds rules. */
const CHAINS = `table inet upnp {
  chain own {
  }
  chain own_prerouting {
  }
  chain own_postrouting {
  }
  chain forward {
    type filter hook forward priority 0
    jump own
  }
  chain prerouting {
    type nat hook prerouting priority -100
    jump own_prerouting
  }
  chain postrouting {
    type nat hook postrouting priority 100
    jump own_postrouting
  }
}
`

/** It takes no addresses of a lab as addresses outside, so `ext_ip` names another one. */
const UPNP = `ext_ifname=peer
ext_ip=11.0.0.1
listening_ip=client
http_port=5000
enable_upnp=yes
secure_mode=yes
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=own
upnp_nat_chain=own_prerouting
upnp_nat_postrouting_chain=own_postrouting
uuid=00000000-0000-0000-0000-000000000001
allow 1024-65535 198.18.0.0/15 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`

test('upnpc asks miniupnpd on a masquerading router for a port, and a peer outside reaches it', async () => {
  await using lab = await createLab({ seed: 7 })
  const [client, peer] = lab.hosts('client', 'peer')
  const router = await lab.router('router', { inside: [client], outside: peer, nat: 'masquerade' })
  const outside = router.interfaces
    .find(({ name }) => name === 'peer')!
    .addresses[0]!.split('/')[0]!
  const own = client.addresses[0]!
  const directory = testDirectory()
  expect(await router.exec('nft', ['-f', '-'], { input: CHAINS })).toMatchObject({
    status: 0,
    stderr: '',
  })
  const file = join(directory, 'conf')
  writeFileSync(file, UPNP)
  router.spawn('miniupnpd', ['-d', '-f', file, '-P', join(directory, 'pid')], { stdio: 'ignore' })
  const ask = async () =>
    (await client.exec('upnpc', ['-m', 'router', '-a', own, '7000', '9090', 'TCP', '600'])).stdout
  // Until miniupnpd listens, upnpc finds no device.
  while (!(await ask()).includes('Found valid IGD')) {}
  expect(await ask()).toContain(`external 11.0.0.1:9090 TCP is redirected to internal ${own}:7000`)
  const listener = net.createServer()
  await client.listen(listener, 7000)
  const accepted = once(listener, 'connection')
  await peer.connect(9090, outside)
  await accepted
})
