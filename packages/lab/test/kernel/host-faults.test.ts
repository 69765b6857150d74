/** The faults of hosts with programs, in the kernel. */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { fieldsOf } from '#src/linux/proc-stat.ts'
import { createLabWith } from '../../src/network/create-lab.ts'
import type { LabHost } from '../../src/network/host.ts'
import type { Lab } from '../../src/network/lab.ts'

let lab: Lab
let server: LabHost

beforeEach(async () => {
  lab = await createLabWith(
    { world: 'kernel' },
    { isHidden: true, hostFaults: ['pause', 'crash', 'full'] },
  )
  ;[server] = lab.hosts('server')
})
afterEach(() => lab.close())

/** Starts a shell script. The returned function reads its next line. */
function shell(
  script: string,
  args: readonly string[] = [],
): { child: ChildProcess; line: () => Promise<string> } {
  const child = server.spawn('sh', ['-c', script, 'sh', ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return { child, line: async () => String((await lines.next()).value) }
}

/** Returns a function that returns the processes in the network namespace of a host. */
function insideOf({ place }: LabHost): () => readonly string[] {
  const namespace = readlinkSync(`/proc/self/fd/${place.nsfd}`)
  return () =>
    readdirSync('/proc').filter(
      pid => attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) === namespace,
    )
}

/** In the status of the init of a host: it is process 1. */
const INIT = /^NSpid:.*\t1$/m
/** In the status of the init, and of what a launcher has forked before it has a program. */
const WITHOUT_PROGRAM = /^Name:\tvnet-within$/m

/** Returns the states of the threads in the host, except those of processes with such a status. */
function statesOf(except = INIT): readonly string[] {
  const own = readlinkSync('/proc/self/ns/pid')
  const states = (pid: string) => {
    // Launchers are outside its PID namespace.
    if (readlinkSync(`/proc/${pid}/ns/pid`) === own) return []
    if (except.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) return []
    const stats = readdirSync(`/proc/${pid}/task`).map(id =>
      readFileSync(`/proc/${pid}/task/${id}/stat`, 'latin1'),
    )
    return stats.map(stat => fieldsOf(stat)[0] ?? '')
  }
  return insideOf(server)().flatMap(pid => attempt(() => states(pid)) ?? [])
}

test('pause stops every program of a host, in sessions and threads of their own too, until resume', async () => {
  const busy = shell(
    `setsid sh -c 'while :; do :; done' & node -e 'console.log("up"); setInterval(() => {}, 1)' & cat`,
  )
  expect(await busy.line()).toBe('up')
  server.faults.pause()
  const stopped = statesOf()
  expect(stopped.length).toBeGreaterThan(5)
  expect(new Set(stopped)).toEqual(new Set(['T']))
  busy.child.stdin!.write('echoed\n')
  server.faults.resume()
  expect(await busy.line()).toBe('echoed')
})

test('a program that starts during a pause runs after it', async () => {
  await server.exec('true')
  server.faults.pause()
  const { child, line } = shell('echo $((6 * 7))')
  const first = line()
  expect(await Promise.race([first, lab.sleep(100)])).toBeUndefined()
  expect(child.exitCode).toBeNull()
  server.faults.resume()
  expect(await first).toBe('42')
})

test('crash kills every program of a host and keeps its disk, and programs start after a restart', async () => {
  const disk = await server.disk()
  const { child, line } = shell(
    'echo kept >$VNET_DISK/file; trap "" TERM; setsid sleep 1000 & echo up; cat',
  )
  const ended = once(child, 'exit')
  expect(await line()).toBe('up')
  const late = server.spawn('sleep', ['1000'])
  server.faults.crash()
  // A launcher that was late has forked a process, and is refused.
  expect(statesOf(WITHOUT_PROGRAM)).toEqual([])
  expect(await ended).toEqual([null, 'SIGKILL'])
  // Its launcher may not have entered the host yet, and then fails.
  expect([
    [null, 'SIGKILL'],
    [1, null],
  ]).toContainEqual(await once(late, 'exit'))
  await expect.poll(() => statesOf()).toEqual([])
  expect(readFileSync(`${disk}/file`, 'utf8')).toBe('kept\n')
  await expect(server.exec('true')).rejects.toThrow(
    'host server has crashed: programs start after a restart',
  )
  await server.restart()
  expect(await server.exec('sh', ['-c', 'cat $VNET_DISK/file'])).toMatchObject({
    stdout: 'kept\n',
    status: 0,
  })
})

test('a full disk refuses writes of programs and of this process until it is free', async () => {
  const write = 'head -c 100000 /dev/zero >$VNET_DISK/file'
  const disk = await server.disk()
  expect(await server.exec('sh', ['-c', write])).toMatchObject({ status: 0 })
  server.faults.setFull(true)
  expect((await server.exec('sh', ['-c', `cat $VNET_DISK/file | wc -c; ${write}2`])).stdout).toBe(
    '100000\n',
  )
  expect((await server.exec('sh', ['-c', `${write}2`])).stderr).toContain('No space left on device')
  expect(() => writeFileSync(`${disk}/mine`, 'text')).toThrow('ENOSPC')
  server.faults.setFull(false)
  expect(await server.exec('sh', ['-c', `${write}2`])).toMatchObject({ status: 0 })
  expect(
    await server.exec('sh', ['-c', 'head -c 70000000 /dev/zero >$VNET_DISK/large']),
  ).not.toMatchObject({
    status: 0,
  })
  expect(statSync(`${disk}/large`).size + 200_000).toBeLessThanOrEqual(64 * 1024 * 1024)
})

test('programs below an init have their status, signals, directory, descriptors and processes', async () => {
  expect(await server.exec('sh', ['-c', 'cat; exit 3'], { input: 'in' })).toMatchObject({
    status: 3,
    stdout: 'in',
  })
  expect(await server.exec('sh', ['-c', 'kill -KILL $$'])).toMatchObject({
    status: null,
    signal: 'SIGKILL',
  })
  expect(await server.exec('sleep', ['60'], { timeout: 50 })).toMatchObject({
    status: null,
    signal: 'SIGTERM',
  })
  expect(await server.exec('pwd', [], { cwd: '/usr' })).toMatchObject({ stdout: '/usr\n' })
  await expect(server.exec('no-such-program')).rejects.toMatchObject({ code: 'ENOENT' })
  const { line } = shell(
    'trap "echo term; exit" TERM; echo $(cat /proc/self/status | grep -c .); echo $$; cat',
  )
  expect(Number(await line())).toBeGreaterThan(10)
  expect(Number(await line())).toBeGreaterThan(1)
})

test('a signal to the launcher of a program reaches the program once, and SIGKILL ends both', async () => {
  const script = `process.on('SIGTERM', () => console.log('term')); process.stdin.on('data', () => console.log('data'))`
  const { child, line } = shell(`exec node -e "$1"`, [`${script}; console.log('up')`])
  expect(await line()).toBe('up')
  child.kill('SIGTERM')
  expect(await line()).toBe('term')
  child.stdin!.write('x')
  expect(await line()).toBe('data')
  child.kill('SIGKILL')
  expect(await once(child, 'close')).toEqual([null, 'SIGKILL'])
  expect(statesOf()).toEqual([])
})

test('a launcher of another library starts a program below the init, also after a crash', async () => {
  const launcher = server.launcher('sh')
  const run = () =>
    execFileSync(launcher, ['-c', 'echo $VNET_DISK; cat /etc/hosts'], { encoding: 'utf8' })
  expect(run()).toMatch(/server\.disk\n127\.0\.0\.1 localhost\n/)
  server.faults.crash()
  await server.restart()
  expect(run()).toContain('server.disk')
})

test('a host with a socket of this process refuses faults of programs', async () => {
  const listening = net.createServer()
  await server.listen(listening)
  const advice =
    'the program of host server runs in this process: start it with spawn, or explore in memory'
  expect(() => server.faults.pause()).toThrow(advice)
  expect(() => server.faults.crash()).toThrow(advice)
  expect(() => server.faults.setFull(true)).toThrow(advice)
  listening.close()
  await once(listening, 'close')
  server.faults.pause()
  server.faults.crash()
})

test('nothing of a host is left when its lab is closed during a pause', async () => {
  const { line } = shell('setsid sleep 1000 & echo up; cat')
  expect(await line()).toBe('up')
  server.faults.pause()
  const isInside = insideOf(server)
  expect(isInside().length).toBeGreaterThanOrEqual(5)
  await lab.close()
  expect(isInside()).toEqual([])
})

test('a host without an init has no fault of programs, and nothing differs for its programs', async () => {
  await using other = await createLabWith(
    { world: 'kernel' },
    { isHidden: true, hostFaults: ['forget'] },
  )
  const [host] = other.hosts('host')
  host.faults.pause()
  host.faults.crash()
  await host.restart()
  expect(
    (await host.exec('sh', ['-c', 'echo $VNET_DISK; readlink /proc/self/ns/pid'])).stdout,
  ).toBe(`\n${readlinkSync('/proc/self/ns/pid')}\n`)
  expect(() => host.faults.pause()).toThrow(
    'the lab was made without this fault, so that host host cannot',
  )
  await expect(host.disk()).rejects.toThrow(
    'a program without the disk runs: call disk() before it starts',
  )
})

test('a lab without faults has the disk, if the test asks for it before programs start', async () => {
  await using other = await createLabWith({ world: 'kernel' }, { isHidden: true })
  const [host] = other.hosts('host')
  const disk = await host.disk()
  host.faults.pause()
  host.faults.resume()
  expect(await host.exec('sh', ['-c', 'echo text >$VNET_DISK/file'])).toMatchObject({ status: 0 })
  expect(readFileSync(`${disk}/file`, 'utf8')).toBe('text\n')
})

test('after the init was killed, programs do not start, and faults say why', async () => {
  const [, init] = /^\/proc\/(\d+)\//.exec(await server.disk()) ?? []
  const { child, line } = shell('echo up; cat')
  expect(await line()).toBe('up')
  const ended = once(child, 'exit')
  process.kill(Number(init), 'SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
  await expect(server.exec('true')).rejects.toThrow('reach the init of the host: ECONNREFUSED')
  expect(() => server.faults.pause()).toThrow('their first process was killed')
})
