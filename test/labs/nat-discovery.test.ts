/** The NATs of a lab, as turnutils_natdiscovery of coturn sees them (RFC 5780). */
import { mkdtempSync, rmSync } from 'node:fs'
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
