/** The NATs of a lab, as coturn classifies them (RFC 5780) and natpmpc asks them for ports. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLab } from '../../src/testing/index.ts'

const ADDRESSES = ['192.0.2.1', '192.0.2.2']

test.each([
  ['full-cone', 'Endpoint Independent Mapping', 'Endpoint Independent Filtering'],
  ['restricted', 'Endpoint Independent Mapping', 'Address Dependent Filtering'],
  ['port-restricted', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
  ['symmetric', 'Address and Port Dependent Mapping', 'Address and Port Dependent Filtering'],
  ['masquerade', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
] as const)('coturn finds that %s has %s and %s', async (nat, mapping, filtering) => {
  await using lab = await createLab({ seed: 7 })
  const [client, stun] = lab.namespaces('client', 'stun')
  const internet = await lab.router('internet')
  const addresses = [ADDRESSES.map(each => `${each}/24`), ['192.0.2.254/24']] as const
  await lab.cable(stun, internet, { addresses })
  await lab.router('router', { inside: [client], outside: internet, nat })
  const directory = mkdtempSync(join(tmpdir(), 'coturn-'))
  try {
    const listening = ADDRESSES.flatMap(each => ['-L', each])
    stun.spawn('turnserver', [
      ...['-n', '-S', '-z', '--no-cli', '--log-file', 'stdout', '--pidfile', join(directory, 'pid'), ...listening],
    ])
    const discover = async (what: string) => (await client.exec('turnutils_natdiscovery', [what, ADDRESSES[0]!])).stdout
    // Until the server listens, it refuses.
    while (!(await discover('-m')).includes('response 1')) {}
    expect(await discover('-m')).toContain(`NAT with ${mapping}!`)
    expect(await discover('-f')).toContain(`NAT with ${filtering}!`)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.each(['udp', 'tcp'])(
  'natpmpc asks a home router for a port of %s, and a peer outside reaches it',
  async protocol => {
    await using lab = await createLab({ seed: 7 })
    const [client, peer] = lab.namespaces('client', 'peer')
    const home = await lab.router('home', { inside: [client], outside: peer, preset: 'home' })
    const gateway = home.interfaces.find(({ name }) => name === 'client')!.addresses[0]!.split('/')[0]!
    const { status, stdout } = await client.exec('natpmpc', ['-g', gateway, '-a', '0', '7000', protocol, '600'])
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('to local port 7000') })
    const port = Number(/Mapped public port (\d+)/.exec(stdout)?.[1])
    const outside = /Public IP address : (\S+)/.exec(stdout)?.[1] ?? ''
    if (protocol === 'udp') {
      const [receiver, sender] = [await client.createSocket('udp4', 7000), await peer.createSocket('udp4')]
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
