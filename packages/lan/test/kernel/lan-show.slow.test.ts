/** `vnet lan` on a real TAP: `vnet lan show`, and SIGHUP while a client keeps its lease. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { pingAll, pingWithoutLoss } from '#support/traffic.ts'
import { runCommand } from '#support/vnet-commands.ts'
import { jsonLines, PROGRAM, type Running, spawnVnet, startVnet } from '#support/vnet-process.ts'

const SUPPORT = resolve(import.meta.dirname, '../support')
const MAC = '02:00:00:00:00:99'

const { own, near, far, directory: dir } = freshNamespaces('near', 'far')
beforeEach(() => {
  copyFileSync(`${SUPPORT}/dhcp-script.sh`, `${dir}/dhcp-script.sh`)
})

/** The part of the output of `--json` that is checked. */
interface Shown {
  readonly counters: Record<string, Record<string, number>>
  readonly hosts: readonly object[]
}

/** Starts a vnet with a configuration file, and waits until its port has a carrier. */
async function start(text: string, ...args: string[]): Promise<Running> {
  writeFileSync(`${dir}/lan.yaml`, text)
  const files = ['--config', `${dir}/lan.yaml`, '--leases', `${dir}/leases`]
  const within = ['ip', 'netns', 'exec', near.name]
  const options = [...files, '--negotiation', '0', '--mac', MAC, '--json', ...args]
  const vnet = await spawnVnet(['lan', 'eth9', ...options], { within })
  await untilShown(own, near, 'eth9', hasCarrier)
  return vnet
}

const vnetIn = (...args: string[]) => runCommand(near, args)

/** Runs a DHCP client, and returns the address of its lease. */
async function lease(): Promise<string> {
  const udhcpc = [
    'udhcpc',
    '-f',
    '-q',
    '-n',
    '-i',
    'eth9',
    '-s',
    `${dir}/dhcp-script.sh`,
    '-x',
    'hostname:laptop',
  ]
  const { status, stderr } = await outcome(
    near.spawn([`${SUPPORT}/dhcp-client.sh`, dir, ...udhcpc]),
  )
  expect([status, stderr]).toEqual([0, expect.stringContaining('obtained')])
  return / inet (198\.18\.[0-9.]+)\/24 /.exec(near.ip('-o -4 address show eth9'))![1]!
}

const logged = (vnet: Running, level: string) =>
  jsonLines(vnet.stdout)
    .filter(line => line.level === level)
    .map(({ message }) => message)

describe('vnet lan show', () => {
  test('vnet lan show --json prints ten thousand hosts, the lease, the neighbour, the port and the counters, also to an ordinary user', async () => {
    const hosts =
      'hosts: [{ name: "node%d", count: 10000, ip: 198.18.8.1, ip6: "2001:db8:0:1::8:1" }]\n'
    const vnet = await start(`network: 198.18.0.0/16\n${hosts}`)
    const address = await lease()
    await pingWithoutLoss(near, '-c 3 -i 0.02 198.18.0.1')
    const nobody = [...asNobodyIn(near), process.execPath, PROGRAM, 'lan', 'show', '--json']
    const { status, stdout, stderr } = await near.run(nobody.join(' '))
    expect([status, stderr]).toEqual([0, ''])
    const [{ segments }] = jsonLines(stdout) as unknown as [{ segments: Shown[] }]
    const [segment] = segments as [Shown]
    expect(segments).toHaveLength(1)
    expect(segment).toMatchObject({
      interfaces: ['eth9'],
      leases: [
        { address, mac: MAC, hostname: 'laptop', expires: expect.stringMatching(/^20\d\d-/) },
      ],
      neighbours: expect.arrayContaining([{ address, mac: MAC }]),
      stations: expect.arrayContaining([{ name: 'eth9', mac: MAC }]),
    })
    const { frames, answered } = segment.counters
    expect(answered!.echo).toBe(3)
    expect(frames!.in).toBe(frames!.out! + frames!.taken! + frames!.dropped! + frames!.held!)
    const { hosts: all } = segment
    expect(all).toHaveLength(10_001)
    expect(all.at(-1)).toMatchObject({
      name: 'node10000',
      addresses: ['198.18.47.16', '2001:db8:0:1::8:2710', expect.stringMatching(/^fe80:/)],
    })

    const table = await vnetIn('lan', 'show', 'eth9', '--hosts')
    const lines = table.stdout.trimEnd().split('\n')
    expect([table.status, lines.length]).toEqual([0, 4 + 10_001])
    expect(lines.at(-1)).toMatch(/^node10000 {2}\S+ {2}198\.18\.47\.16 2001:db8:0:1::8:2710$/)
    expect((await vnet.stop()).status).toBe(0)
  })

  test('vnet lan show names ports of one name with their network namespaces', async () => {
    const ports = [near, far]
    await startVnet(['lan', ...ports.map(({ name }) => `${name}/eth9`), '--json'])
    for (const [i, port] of ports.entries()) {
      port.ip(`addr add 198.18.0.${i + 200}/24 dev eth9`)
      await pingAll(port, '-c 1 198.18.0.1')
    }
    const { stdout } = await runMain('lan', 'show', '--stations', '--json')
    const [{ segments }] = jsonLines(stdout) as unknown as [
      { segments: { stations: { name: string }[] }[] },
    ]
    const names = segments.flatMap(({ stations }) => stations.map(({ name }) => name))
    expect(names).toEqual(expect.arrayContaining(ports.map(({ name }) => `${name}/eth9`)))
  })

  test('vnet lan show reports that the vnet of another driver has no segment', async () => {
    const vnet = await spawnVnet(['--name', 'w0', '--json'], {
      within: ['ip', 'netns', 'exec', near.name],
    })
    expect(await vnetIn('lan', 'show')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('no vnet here has a segment'),
    })
    expect((await vnetIn('lan', 'show', 'w0')).stderr).toMatch(
      /^vnet: loop has no segment behind its devices\n$/,
    )
    await vnet.stop()
  })
})

describe('SIGHUP', () => {
  const WEB =
    'hosts: [{ name: web, ip: 198.18.0.7, ports: [{ port: 80, service: http, body: "hello\\n" }] }]\n'
  const MAIL =
    'hosts: [{ name: mail, ip: 198.18.0.8, ports: [{ port: 8080, service: http, body: "mail\\n" }] }]\n'
  const get = (url: string) => near.run(`curl -sS --max-time 10 ${url}`)

  test('SIGHUP applies the current file, and leases are kept', async () => {
    const vnet = await start(WEB)
    const address = await lease()
    expect((await get('http://198.18.0.7/')).stdout).toBe('hello\n')
    const kept = readFileSync(`${dir}/leases`, 'utf8')
    writeFileSync(`${dir}/lan.yaml`, MAIL)
    vnet.hangUp()
    await vnet.line(/lan: configuration read again/)
    expect((await get('http://198.18.0.8:8080/')).stdout).toBe('mail\n')
    expect((await near.run('ping -c 1 -W 1 198.18.0.7')).status).toBe(1)
    expect(readFileSync(`${dir}/leases`, 'utf8')).toBe(kept)
    const { stdout } = await vnetIn('lan', 'show', '--leases', '--json')
    expect(jsonLines(stdout)).toMatchObject([{ segments: [{ leases: [{ address, mac: MAC }] }] }])
    expect(await lease()).toBe(address)
    expect(near.ip('-o link show eth9')).toContain('LOWER_UP')
    expect((await vnet.stop()).status).toBe(0)
  })

  test('SIGHUP with an invalid file logs path and line, and changes nothing', async () => {
    const vnet = await start(WEB)
    await lease()
    writeFileSync(`${dir}/lan.yaml`, `${WEB}nmae: x\nra: { mtu: many }\n`)
    vnet.hangUp()
    await vnet.line(/lan: the configuration stays as it was/)
    expect(logged(vnet, 'error')).toEqual([
      expect.stringContaining(`lan: ${dir}/lan.yaml:2:1: nmae: unknown key`),
      expect.stringContaining(
        `lan: ${dir}/lan.yaml:3:12: ra.mtu: expected a whole number from 1280`,
      ),
      'lan: the configuration stays as it was',
    ])
    expect((await get('http://198.18.0.7/')).stdout).toBe('hello\n')
    rmSync(`${dir}/lan.yaml`)
    vnet.hangUp()
    await vnet.line(/lan: \S*lan\.yaml: no such file or directory/)
    expect((await get('http://198.18.0.7/')).stdout).toBe('hello\n')
    expect((await vnet.stop()).status).toBe(0)
  })

  test('SIGHUP does not interrupt a connection through which a host sends', async () => {
    const vnet = await start('hosts: [{ name: web, ip: 198.18.0.7 }]\n')
    await lease()
    // chargen: its client sends nothing while it reads.
    const script = `
import socket
s = socket.create_connection(('198.18.0.7', 19), 10)
def read(n):
    while n > 0: n -= len(s.recv(65536))
read(1000000)
print('reading', flush=True)
input()
read(3000000)
print('read', flush=True)
`
    const client = near.spawn(['python3', '-c', script])
    const ended = outcome(client)
    await new Promise(resolve => client.stdout.once('data', resolve))
    vnet.hangUp()
    await vnet.line(/lan: configuration read again/)
    client.stdin.write('\n')
    expect(await ended).toMatchObject({ status: 0, stderr: '' })
    expect((await vnet.stop()).status).toBe(0)
  })

  test('SIGHUP ends a program that has no file', async () => {
    const vnet = await startVnet(['lan', `${near.name}/eth9`, '--json', '--negotiation', '0'])
    expect(logged(vnet, 'warning')).toEqual([])
    vnet.hangUp()
    expect(await vnet.ended).toMatchObject({ status: 0, stderr: '' })
    const child = await spawnVnet(['lan', 'eth9', '--json'], {
      within: ['ip', 'netns', 'exec', near.name],
    })
    child.hangUp()
    expect(await child.ended).toMatchObject({ status: 0, stderr: '' })
  })

  test('every SIGHUP reads the file again, also in the process of the test', async () => {
    writeFileSync(`${dir}/lan.yaml`, WEB)
    const files = ['--config', `${dir}/lan.yaml`, '--leases', `${dir}/leases`]
    const vnet = await startVnet([
      'lan',
      `${near.name}/eth9`,
      '--json',
      '--negotiation',
      '0',
      ...files,
    ])
    await untilShown(own, near, 'eth9', hasCarrier)
    near.ip('address add 198.18.0.50/24 dev eth9')
    for (const [text, last] of [
      [MAIL, 8],
      [WEB, 7],
      [MAIL, 8],
    ] as const) {
      writeFileSync(`${dir}/lan.yaml`, text)
      vnet.hangUp()
      await pingAll(near, `-c 2 -i 0.02 198.18.0.${last}`)
    }
    writeFileSync(`${dir}/lan.yaml`, 'network: x\n')
    vnet.hangUp()
    expect(logged(vnet, 'info').filter(line => /read again/.test(String(line)))).toHaveLength(3)
    expect(logged(vnet, 'error')).toEqual([
      expect.stringContaining(`lan: ${dir}/lan.yaml:1:10: network: expected an IPv4 network`),
      'lan: the configuration stays as it was',
    ])
    expect((await vnet.stop()).status).toBe(0)
  })
})

test('leases of an interface in another network namespace are not kept in a file', async () => {
  // Unique among tests that run at the same time.
  const name = `vl${process.pid}`
  const vnet = await startVnet(['lan', `${near.name}/${name}`, '--json'])
  await vnet.stop()
  await (
    await spawnVnet(['lan', name, '--json'], { within: ['ip', 'netns', 'exec', near.name] })
  ).stop()
  expect(existsSync(`/var/lib/vnet/${name}.leases`)).toBe(false)
})
