/** The unit file: right in systemd's eyes, tight by its measure, and enough for vnet. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const UNIT = fileURLToPath(new URL('../../../systemd/vnet@.service', import.meta.url))
/** Tenths; a service without a sandbox has 96. */
const MOST_EXPOSED = 32

const { netns, directory } = freshNamespaces('netns')

function analyze(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

/** The values of a setting, of all its lines. */
function setting(name: string): string[] {
  const lines = readFileSync(UNIT, 'utf8').matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))
  return [...lines].flatMap(line => line[1]?.split(' ') ?? [])
}

test('systemd-analyze verify reports nothing about the unit, nor about the settings of vnet node', () => {
  const instance = join(directory, 'vnet@node.service')
  copyFileSync(UNIT, instance)
  const [, settings = ''] =
    readFileSync('docs/running.md', 'utf8').match(/^```ini\n(.*?)^```$/ms) ?? []
  expect(settings).toMatch(/^SystemCallFilter=bpf$/m)
  mkdirSync(`${instance}.d`)
  writeFileSync(`${instance}.d/override.conf`, settings)
  expect(analyze('verify', instance)).toEqual({ status: 0, output: '' })
})

test('the exposure of the systemd unit remains low', () => {
  const { status, output } = analyze(
    'security',
    '--offline=true',
    `--threshold=${MOST_EXPOSED}`,
    UNIT,
  )
  expect(output).toMatch(/Overall exposure level/)
  expect(status).toBe(0)
})

test('the unit allows writable and executable memory, which JavaScript needs', () => {
  expect(setting('MemoryDenyWriteExecute')).toEqual([])
})

test('the capabilities of the unit are enough for a lan with DNS over TCP and an uplink', async () => {
  const allowed = setting('CapabilityBoundingSet').map(
    name => `+${name.slice('CAP_'.length).toLowerCase()}`,
  )
  const within = ['ip', 'netns', 'exec', netns.name, 'setpriv', '--no-new-privs', '--inh-caps=-all']
  netns.ip('link add veth0 type veth peer name veth1')
  const vnet = await spawnVnet(
    ['lan', 'eth9', '--hosts', '2', '--negotiation', '0', '--uplink', 'veth0'],
    {
      within: [...within, `--bounding-set=-all,${allowed.join(',')}`],
    },
  )
  expect(readFileSync(`/proc/${vnet.pid}/status`, 'utf8')).toMatch(/^CapEff:\s0000000000001000$/m)
  netns.ip('addr add 198.18.0.50/24 dev eth9')
  expect(
    (await netns.run('dig +tcp +short +tries=1 +time=30 @198.18.0.1 gateway.lan')).stdout,
  ).toBe('198.18.0.1\n')
  const { status, stderr } = await vnet.stop()
  expect(status).toBe(0)
  expect(stderr).not.toMatch(/no TCP|EPERM|EACCES/)
})
