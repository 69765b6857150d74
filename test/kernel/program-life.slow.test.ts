/** The program as a process: how it ends, its leftovers, and its cost when idle. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { DriverFiles } from '#support/driver-files.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { firstOf } from '#support/scale.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const { own, netns } = freshNamespaces('netns')

const links = () => JSON.parse(netns.ip('-j link')).map((link: { ifname: string }) => link.ifname)

/** Returns arguments for node that run `code` before the program. */
const preload = (code: string) => [`--import=data:text/javascript,${encodeURIComponent(code)}`]
const THROW_ON_SIGUSR2 = preload("process.on('SIGUSR2', () => { throw new Error('boom') })")

test.each(firstOf(1, ['SIGINT', 'SIGTERM', 'SIGHUP'] as const))(
  '%s removes the interfaces, prints the table and exits with 0',
  async signal => {
    const vnet = await spawnVnet(['snull', '--netns', netns.name])
    expect(links()).toEqual(['lo', 'sn0', 'sn1'])
    const { status, stdout, stderr } = await vnet.stop(signal)
    expect(status).toBe(0)
    expect(stdout.split('\nready\n')[1]).toMatch(
      /^ +packets +bytes +errors +dropped\nsn0 tx +\d.*\nsn0 rx +\d.*\nsn1 tx +\d.*\nsn1 rx +\d.*\n/,
    )
    const log = [
      'sn0: device opened',
      'sn1: device opened',
      'sn0: device closed',
      'sn1: device closed',
    ]
    expect(stderr).toBe(`${log.join('\n')}\n`)
    expect(links()).toEqual(['lo'])
  },
)

/**
 * Returns each thread's nice value, and its slice in nanoseconds (reported by Linux 6.12 and
 * newer). Threads that have ended are left out.
 */
function scheduling(...tids: number[]): { nice: number; slice: number }[] {
  const SYS_sched_getattr = { x64: 315, arm64: 275 }[process.arch as 'x64' | 'arm64']
  const script = [
    'import ctypes, struct, sys',
    'attributes = ctypes.create_string_buffer(48)',
    'for tid in sys.argv[1:]:',
    `  if ctypes.CDLL(None).syscall(${SYS_sched_getattr}, int(tid), attributes, 48, 0) != 0: continue`,
    "  _, _, _, nice, _, slice, *_ = struct.unpack('IIQiIQQQ', attributes)",
    "  print(f'{nice} {slice}')",
  ]
  const lines = execFileSync('python3', ['-c', script.join('\n'), ...tids.map(String)], {
    encoding: 'utf8',
  })
  return lines
    .trim()
    .split('\n')
    .map(line => line.split(' ').map(Number))
    .map(([nice, slice]) => ({ nice, slice }))
}

test.each([
  [0, 'has short slices of CPU time'],
  [5, 'has short slices of CPU time, and keeps its priority'],
  [-5, 'keeps its slices, so that what it starts keeps its priority'],
])(
  'the main thread of a vnet with nice %i %s; its helper threads have the usual ones',
  async nice => {
    const nodeArgs = preload(`(await import('node:os')).setPriority(${nice})`)
    const vnet = await spawnVnet(['--netns', netns.name], { nodeArgs })
    const tids = readdirSync(`/proc/${vnet.pid}/task`).map(Number)
    const helpers = tids.filter(tid => tid !== vnet.pid)
    const [own, main, ...others] = scheduling(process.pid, vnet.pid, ...helpers)
    // Before Linux 6.12 all slices are equal, and 0 here.
    expect(main).toEqual({ nice, slice: nice < 0 ? own.slice : Math.min(own.slice, 100_000) })
    expect(new Set(others.map(({ slice }) => slice))).toEqual(new Set([own.slice]))
  },
)

test.each([0, 19])(
  'vnet metrics that is started with nice %i is no more urgent than 10',
  async nice => {
    const nodeArgs = preload(`(await import('node:os')).setPriority(${nice})`)
    const { pid } = await spawnVnet(['metrics', '0', '--json'], { nodeArgs })
    expect(scheduling(pid).map(({ nice }) => nice)).toEqual([Math.max(10, nice)])
  },
)

test('a signal that arrives twice, from the terminal and from a parent, ends the program as one', async () => {
  const vnet = await spawnVnet(['--netns', netns.name])
  // Both signals are pending when the process continues.
  process.kill(vnet.pid, 'SIGSTOP')
  process.kill(vnet.pid, 'SIGINT')
  process.kill(vnet.pid, 'SIGTERM')
  const { status, stdout } = await vnet.stop('SIGCONT')
  expect(status).toBe(0)
  expect(stdout).toMatch(/^vnet0 rx +\d/m)
})

test('a signal that is repeated while the interfaces close does not cut the end short', async () => {
  const again =
    "process.once('SIGTERM', () => setImmediate(() => process.kill(process.pid, 'SIGTERM')))"
  const vnet = await spawnVnet(['snull', '--netns', netns.name], { nodeArgs: preload(again) })
  const { status, stdout } = await vnet.stop()
  expect(status).toBe(0)
  expect(stdout).toMatch(/^sn1 rx +\d/m)
  expect(links()).toEqual(['lo'])
})

test('a second Ctrl-C ends a program whose driver does not end', async () => {
  const files = new DriverFiles()
  try {
    const file = files.driver({ exit: 'return new Promise(() => setInterval(() => {}, 1e6))' })
    const vnet = await spawnVnet([file, '--netns', netns.name])
    let status: number | undefined
    void vnet.stop('SIGINT').then(ended => {
      status = ended.status
    })
    const pressed = () => {
      if (status === undefined) {
        process.kill(vnet.pid, 'SIGINT')
      }
      return status
    }
    await expect.poll(pressed).toBe(130)
    expect(links()).toEqual(['lo'])
  } finally {
    files.remove()
  }
})

test('kill -9 leaves no interface', async () => {
  const vnet = await spawnVnet(['snull', '--netns', netns.name])
  expect((await vnet.stop('SIGKILL')).status).toBe(137)
  expect(links()).toEqual(['lo'])
})

test('a defect of the program removes the interfaces, and is reported in one line with exit status 1', async () => {
  const vnet = await spawnVnet(['--netns', netns.name], { nodeArgs: THROW_ON_SIGUSR2 })
  const { status, stdout, stderr } = await vnet.stop('SIGUSR2')
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /^vnet0: device opened\nvnet0: device closed\nvnet: .* ended the program: Error: boom \(at .*\)\n$/,
  )
  expect(stdout).toMatch(/^vnet0 tx +\d/m)
  expect(links()).toEqual(['lo'])
})

test('the program continues when its output is closed', async () => {
  const program = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))
  const child = spawn(process.execPath, [program, '--netns', netns.name, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  try {
    for await (const line of createInterface(child.stdout)) {
      if (line.includes('"ready"')) {
        break
      }
    }
    child.stdout.destroy()
    // Each change is a log line that is not read.
    for (const state of ['down', 'up', 'down', 'up']) {
      netns.ip(`link set vnet0 ${state}`)
    }
    // A frame is lost if the driver has not seen yet that the link is up again.
    expect(await netns.run('ping -c 1 -w 30 -i 0.1 198.18.0.2')).toMatchObject({ status: 0 })
    expect(links()).toEqual(['lo', 'vnet0'])
  } finally {
    child.kill('SIGTERM')
  }
  expect(await closed).toEqual([0, null])
})

test('the program needs no other program and no search path', async () => {
  const vnet = await spawnVnet(['--netns', netns.name, '--ipv6'], { env: { PATH: '' } })
  const ping = await netns.run('ping -c 1 -W 30 2001:db8::2')
  expect(ping.stdout).toContain('1 received')
  expect((await vnet.stop()).status).toBe(0)
})

/** Returns the CPU time that a process has used, in ticks of 10 ms. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

test('an idle program uses no CPU: idle, down, without carrier, after a deletion, without stdin', async () => {
  const ns = Array.from({ length: 5 }, () => own.add())
  const at = (i: number) => ['--netns', ns[i]?.name ?? '']
  const ip = (i: number, args: string) => ns[i]?.ip(args)
  const [idle, down, carrier, deleted, closed] = await Promise.all([
    spawnVnet(['--busy-poll', '50us', ...at(0)]),
    spawnVnet(at(1)),
    spawnVnet(['cable', 'near', 'far', '--address', 'near=192.0.2.1/24', ...at(2)]),
    spawnVnet(['snull', ...at(3)]),
    spawnVnet(at(4), { within: ['sh', '-c', 'exec "$@" <&-', 'sh'] }),
  ])
  await ns[0]?.run('ping -c 9 -i 0.01 -W 0.1 198.18.0.2')
  // Unread frames remain in the queues of a link that goes down.
  process.kill(down.pid, 'SIGSTOP')
  await Promise.all(
    ['198.18.0.2', '198.18.1.1'].map(to => ns[1]?.run(`ping -c 9 -i 0.01 -W 0.01 ${to}`)),
  )
  ip(1, 'link set vnet0 down')
  process.kill(down.pid, 'SIGCONT')
  await down.line(/^vnet0: device closed$/)
  // The other end has no carrier, and the kernel sends.
  ip(2, 'link set far down')
  await carrier.line(/^far: device closed$/)
  await ns[2]?.run('ping -c 2 -i 0.01 -W 0.01 192.0.2.2')
  ip(3, 'link del sn0')
  await deleted.line(/^sn0: device closed$/)

  const all = [idle, down, carrier, deleted, closed]
  // Work at start-up and changes of other interfaces end soon, a busy loop does not. The time to
  // look is that in which another program gets 400 ms of CPU, as a busy loop would.
  const useCpu = ['-e', 'while (process.cpuUsage().user < 400_000);']
  let restless = all
  for (let round = 0; restless.length > 0 && round < 8; round++) {
    const before = restless.map(({ pid }) => ticks(pid))
    const start = performance.now()
    await promisify(execFile)(process.execPath, useCpu)
    const most = Math.max(1, (performance.now() - start) / 500)
    restless = restless.filter(({ pid }, i) => ticks(pid) - (before[i] ?? 0) > most)
  }
  expect(restless.map(vnet => all.indexOf(vnet))).toEqual([])
  expect((await Promise.all(all.map(vnet => vnet.stop()))).map(({ status }) => status)).toEqual([
    0, 0, 0, 0, 0,
  ])
})
