/**
 * The rights of a running vnet once it is ready: the capabilities of all threads, and the features
 * that need the dropped ones.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DriverFiles } from '#support/driver-files.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { shownLink } from '#support/shown-link.ts'
import { pingOnce } from '#support/traffic.ts'
import { type Running, spawnVnet, startVnet } from '#support/vnet-process.ts'

const NET_ADMIN = 1n << 12n
const SYS_ADMIN = 1n << 21n

const { netns, other, directory } = freshNamespaces('netns', 'other')

const within = (at = netns) => ['ip', 'netns', 'exec', at.name]
const start = (...args: string[]) => spawnVnet(args, { within: within() })

interface Held {
  readonly inheritable: bigint
  readonly permitted: bigint
  readonly effective: bigint
  readonly bounding: bigint
  readonly ambient: bigint
  readonly noNewPrivs: bigint
}

/** What one thread has, as the kernel shows it; undefined if it has ended. */
function held(pid: number, thread: string): Held | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
  } catch {
    return undefined
  }
  const field = (name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(text)?.[1]}`)
  return {
    inheritable: field('CapInh'),
    permitted: field('CapPrm'),
    effective: field('CapEff'),
    bounding: field('CapBnd'),
    ambient: field('CapAmb'),
    noNewPrivs: field('NoNewPrivs'),
  }
}

/** What all threads have: one entry if it is the same for all. Node has ten threads at least. */
function heldByAll({ pid }: Pick<Running, 'pid'>): Held[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const all = threads.flatMap(thread => held(pid, thread) ?? [])
  expect(all.length).toBeGreaterThan(5)
  return all.filter(
    (one, i) =>
      all.findIndex(earlier => String(Object.values(earlier)) === String(Object.values(one))) === i,
  )
}

const only = (capabilities: bigint): Held => ({
  permitted: capabilities,
  effective: capabilities,
  bounding: capabilities,
  inheritable: 0n,
  ambient: 0n,
  noNewPrivs: 1n,
})

/** Whether a root without CAP_SYS_PTRACE may look into the process. */
function isDumpable({ pid }: Running): boolean {
  const less = ['--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace']
  try {
    execFileSync('setpriv', [...less, 'readlink', `/proc/${pid}/exe`], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

describe('once ready, every thread has', () => {
  test('every thread has CAP_NET_ADMIN alone, under loop', async () => {
    const vnet = await start()
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN)])
    expect(isDumpable(vnet)).toBe(false)
    await pingOnce(netns, '198.18.0.2')
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })

  test('every thread has CAP_NET_ADMIN alone, in a pid namespace with another namespace’s /proc', async () => {
    const inner = [...within(), 'unshare', '--pid', '--fork', '--kill-child']
    const vnet = await spawnVnet([], { within: inner })
    const [pid = 0] = readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'utf8')
      .split(' ')
      .map(Number)
    expect(heldByAll({ pid })).toEqual([only(NET_ADMIN)])
    // A killed vnet leaves its file, and here no program sees that its process has ended.
    process.kill(pid, 'SIGTERM')
    expect(await vnet.ended).toMatchObject({ status: 0 })
  })

  test('every thread has CAP_NET_ADMIN alone, under snull', async () => {
    const vnet = await start('snull')
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN)])
    await pingOnce(netns, '198.18.0.2')
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })

  test('every thread also has CAP_SYS_ADMIN under cable across network namespaces', async () => {
    const vnet = await start('cable', `${netns.name}/eth0`, `${other.name}/eth0`)
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN | SYS_ADMIN)])
    // It follows what happens there.
    other.ip('link set eth0 mtu 1400', 'link set eth0 name far0')
    await vnet.line(/renamed to far0$/)
    const stats = netns.exec(`${process.execPath} dist/vnet.js stats far0`)
    expect(stats).toMatch(/ rx_packets +\d+ +\d+$/m)
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })

  test('every thread has CAP_NET_ADMIN alone, under lan with hosts, and TCP works', async () => {
    const vnet = await start('lan', 'eth9', '--hosts', '2', '--negotiation', '0')
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN)])
    netns.ip('addr add 198.18.0.50/24 dev eth9')
    const { stdout } = await netns.run(`dig +tcp +short +tries=1 +time=30 @198.18.0.1 gateway.lan`)
    expect(stdout).toBe('198.18.0.1\n')
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })

  test('every thread also has CAP_SYS_ADMIN under lan with a configuration, whose TCP ports may change', async () => {
    const config = join(directory, 'lan.yaml')
    const port = (number: number) =>
      `hosts: [{ ip: 198.18.0.7, ports: [{ port: ${number}, service: echo }] }]\n`
    writeFileSync(config, port(8000))
    const vnet = await start('lan', 'eth9', '--config', config, '--negotiation', '0')
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN | SYS_ADMIN)])
    writeFileSync(config, port(9000))
    vnet.hangUp()
    await vnet.line(/configuration read again/)
    netns.ip('addr add 198.18.0.50/24 dev eth9')
    expect((await netns.run('nmap -n -Pn -sT -p 9000 198.18.0.7')).stdout).toContain(
      '9000/tcp open',
    )
    // One below 1024 is reported.
    writeFileSync(config, port(80))
    vnet.hangUp()
    await vnet.line(
      /tcp port 80: bind port 80: permission denied; .*CAP_NET_BIND_SERVICE.*: start again$/,
    )
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })

  test('every thread has CAP_NET_ADMIN alone, under lan with an uplink, which continues and is released', async () => {
    netns.ip(`link add veth0 type veth peer name eth0 netns ${other.name}`, 'link set veth0 up')
    other.ip('link set eth0 up', 'addr add 198.18.0.60/24 dev eth0')
    const vnet = await start(
      'lan',
      'eth9',
      '--hosts',
      '2',
      '--uplink',
      'veth0',
      '--negotiation',
      '0',
    )
    expect(heldByAll(vnet)).toEqual([only(NET_ADMIN)])
    await pingOnce(other, '198.18.0.2')
    netns.ip('link set veth0 down')
    await vnet.line(/uplink veth0: link is down$/)
    netns.ip('link set veth0 up')
    await vnet.line(/uplink veth0: link is up$/, 2)
    await pingOnce(other, '198.18.0.2')
    expect(await vnet.stop()).toMatchObject({ status: 0 })
    expect(netns.ip('-d link show veth0')).toContain('promiscuity 0')
  })

  test('every thread has CAP_NET_ADMIN alone with a driver file, also in workers and later threads', async () => {
    const files = new DriverFiles()
    try {
      const file = files.driver({
        init: `new Worker('setInterval(() => {}, 1000)', { eval: true })
          setInterval(() => new Worker('setInterval(() => {}, 1000)', { eval: true }), 100).unref()`,
      })
      writeFileSync(
        file,
        `import { Worker } from 'node:worker_threads'\n${readFileSync(file, 'utf8')}`,
      )
      const vnet = await start(file)
      const before = readdirSync(`/proc/${vnet.pid}/task`).length
      await expect.poll(() => readdirSync(`/proc/${vnet.pid}/task`).length).toBeGreaterThan(before)
      expect(heldByAll(vnet)).toEqual([only(NET_ADMIN)])
      await vnet.stop()
    } finally {
      files.remove()
    }
  })

  test('every thread keeps all its capabilities with --keep-privileges', async () => {
    const vnet = await start('--keep-privileges')
    const [all, ...rest] = heldByAll(vnet)
    expect([all, rest]).toEqual([held(process.pid, `${process.pid}`), []])
  })

  test('every thread keeps all its capabilities if a process calls the program as a function', async () => {
    const before = held(process.pid, `${process.pid}`)
    const vnet = await startVnet(['--netns', netns.name])
    expect(held(process.pid, `${process.pid}`)).toEqual(before)
    expect(before).toMatchObject({ noNewPrivs: 0n })
    await vnet.stop()
  })

  test('a thread has no capability on an ordinary user’s interface, and that user cannot read its memory', async () => {
    const first = await startVnet([
      '--name',
      'tap0',
      '--persist',
      '--user',
      `${NOBODY}`,
      '--netns',
      netns.name,
    ])
    await first.stop()
    const vnet = await spawnVnet(['--name', 'tap0'], { within: asNobodyIn(netns) })
    expect(heldByAll(vnet)).toMatchObject([
      { permitted: 0n, effective: 0n, ambient: 0n, noNewPrivs: 1n },
    ])
    expect(statSync(`/proc/${vnet.pid}/environ`).uid).toBe(0)
    await pingOnce(netns, '198.18.0.2')
    expect(await vnet.stop()).toMatchObject({ status: 0 })
  })
})

describe('an interface that is moved later', () => {
  test('a moved interface still works, and one line names the changes that vnet will miss', async () => {
    const vnet = await start('--name', 'vnet0')
    netns.ip(`link set vnet0 netns ${other.name} name away0`)
    await vnet.line(/^vnet0: moved to another network namespace, there away0$/)
    await vnet.line(/^vnet0: without CAP_SYS_ADMIN .*--keep-privileges/)
    for (const cidr of ['198.18.0.1/24', '198.18.1.2/24']) {
      other.ip(`addr add ${cidr} dev away0`)
    }
    other.ip('link set away0 up')
    await pingOnce(other, '198.18.0.2')
    // Changes that need no entry are still seen.
    other.ip('link set away0 down', 'link set away0 name gone0')
    await vnet.line(/^away0: renamed to gone0$/)
    other.ip('link del gone0')
    expect(await vnet.ended).toMatchObject({ status: 1 })
  })

  test('vnet no longer changes a moved interface, nor an interface here that has its index', async () => {
    const files = new DriverFiles()
    try {
      const file = files.driver({ ops: 'ndoChangeMtu: (_, mtu) => mtu === 1400 ? -22 : 0' })
      const vnet = await start(file)
      netns.ip(`link set mine0 netns ${other.name} name away0`)
      await vnet.line(/^mine0: moved to another network namespace, there away0$/)
      const { ifindex } = shownLink(other, 'away0')
      netns.ip(`link add name same0 index ${ifindex} type bridge`)
      other.ip('link set away0 mtu 1400')
      await vnet.line(
        /^away0: mtu 1500 on away0: operation not permitted; .* takes CAP_SYS_ADMIN.*--keep-privileges$/,
      )
      expect(shownLink(other, 'away0').mtu).toBe(1400)
      expect(shownLink(netns, 'same0')).toMatchObject({ ifindex, mtu: 1500 })
      expect(await vnet.stop()).toMatchObject({ status: 0 })
    } finally {
      files.remove()
    }
  })
})

test('files in /run/vnet are removed at the end, without a capability for that', async () => {
  chmodSync(directory, 0o755)
  const script = 'mkdir -p /run/vnet && mount --bind "$0" /run/vnet && exec "$@"'
  const vnet = await spawnVnet([], {
    within: ['unshare', '-m', 'sh', '-c', script, directory, ...within()],
  })
  expect(readdirSync(directory)).not.toEqual([])
  expect(await vnet.stop()).toMatchObject({ status: 0 })
  expect(readdirSync(directory)).toEqual([])
})
