/** A lab removes everything that it made, however it ends, and labs are separate. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { freshDirectory, testDirectory } from '#support/fresh-directory.ts'
import { either } from '#support/scale.ts'
import { isAlive } from '../../src/kernel/processes.ts'
import { createLab, createLabWith } from '../../src/network/create-lab.ts'
import type { Lab } from '../../src/network/lab.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

useTmpdir(freshDirectory())

const descriptors = () => readdirSync('/proc/self/fd').length
const threads = () => readdirSync('/proc/self/task').length
const directories = (pid = process.pid) =>
  readdirSync(tmpdir()).filter(name => name.startsWith('vnet-lab-') && name.includes(`-${pid}-`))

/** Makes a lab in which something of each kind is still open. */
async function busyLab(options?: Parameters<typeof createLab>[0]): Promise<Lab> {
  const lab = await createLab(options)
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: 'delay 1ms' })
  await server.listen(
    http.createServer((_, response) => response.end('x')),
    80,
  )
  await (await client.fetch('http://server/')).text()
  await server.listen(net.createServer(), 81)
  await client.connect(81, 'server')
  await client.createSocket('udp4')
  await link.ab.drop('tcp', { nth: 5 })
  client.spawn('sleep', ['1000'])
  return lab
}

test('labs one after another leave no descriptor, thread, directory or listener', async () => {
  const round = async () => {
    await using _lab = await busyLab({ signal })
  }
  const { signal } = new AbortController()
  await round()
  await round()
  const before = [descriptors(), threads()]
  for (let i = 0; i < either(10, 3); i++) {
    await round()
  }
  expect([descriptors(), threads()]).toEqual(before)
  expect(directories()).toEqual([])
})

test('an exception in its scope ends a lab', async () => {
  let sleeping: number | undefined
  const failing = async () => {
    await using lab = await busyLab()
    const [other] = lab.hosts('other')
    sleeping = other.spawn('sleep', ['1000']).pid
    throw new Error('the test failed')
  }
  await expect(failing()).rejects.toThrow('the test failed')
  expect(isAlive(sleeping!)).toBe(false)
})

test('a signal that aborts ends a lab, and one that has aborted starts none', async () => {
  const ended = new AbortController()
  const lab = await busyLab({ signal: ended.signal })
  const [other] = lab.hosts('other')
  const exec = other.exec('sleep', ['1000'])
  ended.abort()
  expect(await exec).toMatchObject({ signal: 'SIGKILL' })
  await lab.close()
  expect(() => lab.hosts('late')).toThrow('the lab has ended')
  await expect(lab.cable(other, other)).rejects.toThrow('the lab has ended')
  await expect(createLab({ signal: ended.signal })).rejects.toThrow('aborted')
})

test('what waits when a lab ends is rejected', async () => {
  const lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: 'loss 100%' })
  const cable = lab.cable(client, server)
  const waiting = [
    client.connect(80, 'server'),
    client.fetch('http://server/'),
    lab.hosts('third')[0].connect(80, '198.18.1.1'),
  ].map(each =>
    each.then(
      () => 'done',
      (error: Error) => error.message,
    ),
  )
  const partition = link.partition(60_000)
  await lab.close()
  expect(await Promise.all(waiting)).toEqual([
    'the connection to server port 80 was closed',
    'fetch failed',
    expect.stringContaining('ENETUNREACH'),
  ])
  // The cable was made, and removed with the lab.
  await cable
  await partition
})

test('a server that was closed before the lab, and one that never listened, do not hold it up', async () => {
  const lab = await createLab()
  const [server] = lab.hosts('server')
  const closed = http.createServer()
  await server.listen(closed, 80)
  await new Promise(resolve => closed.close(resolve))
  const never = net.createServer()
  await expect(server.listen(never, 80, '192.0.2.1')).rejects.toThrow('EADDRNOTAVAIL')
  await lab.close()
})

test('close of a lab closes everything else if one part fails, and rejects', async () => {
  const lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const { close } = client
  client.close = () => close.call(client).then(() => Promise.reject(new Error('on purpose')))
  await expect(lab.close()).rejects.toThrow('on purpose')
  await expect(link.stats()).rejects.toThrow('the link is closed')
  expect(directories()).toEqual([])
})

test('a router that the kernel refuses leaves no descriptor', async () => {
  await using lab = await createLab()
  const [client] = lab.hosts('client')
  const before = descriptors()
  const open = vi.spyOn(client.place.native, 'open').mockReturnValue(-13)
  await expect(lab.router('router')).rejects.toThrow('/proc/sys/net/ipv4/ip_forward: EACCES')
  open.mockRestore()
  expect(descriptors()).toBe(before)
})

test('a namespace leaves out settings that the kernel does not have, and makes the others', async () => {
  const sysctls = [
    ['net/ipv4/nosuch_setting', '1'],
    ['net/ipv4/ip_default_ttl', '7'],
  ] as const
  await using lab = await createLabWith({}, { sysctls })
  const [client] = lab.hosts('client')
  expect((await client.exec('cat', ['/proc/sys/net/ipv4/ip_default_ttl'])).stdout).toBe('7\n')
})

test('a host does not forward, whatever the first namespace of the machine does', async () => {
  await using lab = await createLab()
  const [client] = lab.hosts('client')
  expect((await client.exec('cat', ['/proc/sys/net/ipv4/ip_forward'])).stdout).toBe('0\n')
})

/** Starts a process with a lab, and returns what it has made. */
async function labProcess(seed: number) {
  const program = new URL('../support/lab-process.mjs', import.meta.url).pathname
  const child = spawn(process.execPath, [program, String(seed)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return { child, ...(JSON.parse(line) as { status: number; pids: number[]; namespace: string }) }
}

/** Whether any process is in a network namespace. */
const isUsed = (namespace: string) =>
  readdirSync('/proc').some(pid => {
    try {
      return Number(pid) > 0 && readlinkSync(`/proc/${pid}/ns/net`) === namespace
    } catch {
      return false
    }
  })

test('kill -9 of the process ends its programs, and the next lab removes what is left', async () => {
  const { child, status, pids, namespace } = await labProcess(1)
  expect([status, pids.map(isAlive), directories(child.pid).length]).toEqual([
    0,
    [true, true, true],
    1,
  ])
  child.kill('SIGKILL')
  await once(child, 'exit')
  await expect.poll(() => isAlive(pids[0]!)).toBe(false)
  const lab = await createLab()
  for (const pid of pids) {
    await expect.poll(() => isAlive(pid)).toBe(false)
  }
  expect([directories(child.pid), isUsed(namespace)]).toEqual([[], false])
  expect(directories().length).toBe(1)
  await lab.close()
})

/** PID 1 is a cat, which waits for no child. Prints what remains when the next lab has links. */
const UNREAPED = `
  mount -t tmpfs none /run
  mkdir -p /run/user/0
  mkfifo "$TMPDIR/in"
  (
    ("$NODE" "$PROGRAM" 1 killed <>"$TMPDIR/in" >"$TMPDIR/made" & echo $! >"$TMPDIR/pid")
    pid=$(cat "$TMPDIR/pid")
    until [ -s "$TMPDIR/made" ] && ls /run/user/0/vnet/*.json >/dev/null 2>&1; do sleep 0.05; done
    kill -9 $pid
    until grep -q 'State:.Z' /proc/$pid/status; do sleep 0.05; done
    "$NODE" --input-type=module -e "$NEXT"
  ) &
  exec cat >/dev/null`
const NEXT = `
  import { readdirSync, readFileSync } from 'node:fs'
  import { setTimeout } from 'node:timers/promises'
  import { createLab } from '${new URL('../../dist/index.js', import.meta.url)}'
  const statusOf = pid => {
    try {
      return /Name:\\s(.*)[^]*State:\\s(.)/.exec(readFileSync('/proc/' + pid + '/status', 'latin1')).slice(1)
    } catch {
      return []
    }
  }
  const lab = await createLab({ name: 'next' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const others = names => names.filter(name => !name.includes(process.pid + '-'))
  while (others(readdirSync('/run/user/0/vnet')).length === readdirSync('/run/user/0/vnet').length) await setTimeout(20)
  const programs = () => readdirSync('/proc').filter(pid => pid > 1).map(statusOf)
  while (programs().some(([name, state]) => name === 'sleep' && state !== 'Z')) await setTimeout(20)
  const zombies = programs().filter(([, state]) => state === 'Z').map(([name]) => name)
  const left = [...readdirSync('/run/user/0/vnet'), ...readdirSync(process.env.TMPDIR)]
  console.log(JSON.stringify({ left: others(left), zombies }))
  await lab.close()`

test('the next lab removes what kill -9 has left, also if PID 1 waits for no process', async () => {
  const directory = testDirectory()
  const program = new URL('../support/lab-process.mjs', import.meta.url).pathname
  const { XDG_RUNTIME_DIR: _, ...own } = process.env
  const env = { ...own, TMPDIR: directory, NODE: process.execPath, PROGRAM: program, NEXT }
  const words = ['-p', '-f', '-m', '--mount-proc', '--kill-child', 'sh', '-c', UNREAPED]
  const child = spawn('unshare', words, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
    const { left, zombies } = JSON.parse(line)
    expect(left.sort()).toEqual(['in', 'made', 'pid'])
    expect(zombies).toEqual(expect.arrayContaining(['node', 'sleep']))
  } finally {
    child.stdin.end()
    child.kill()
    await ended
  }
})

test('a process that ends the processes of its own namespace, like a lab in a lab, continues', async () => {
  await using lab = await createLab()
  const [host] = lab.hosts('host')
  const other = host.spawn('sleep', ['1000'])
  const ended = once(other, 'exit')
  const script = `
    import { openSync } from 'node:fs'
    import { killProcesses } from '${new URL('../../dist/kernel/processes.js', import.meta.url)}'
    killProcesses({ namespaces: [openSync('/proc/self/ns/net')] })
    console.log('goes on')`
  const { stdout } = await host.exec(process.execPath, ['--input-type=module', '-e', script])
  expect([stdout, await ended]).toEqual(['goes on\n', [null, 'SIGKILL']])
})

test('directories of other users are left alone, whatever they are called', async () => {
  const { pid } = spawnSync('true')
  const path = join(tmpdir(), `vnet-lab-${statSync('/proc/self/ns/pid').ino}-${pid}-other`)
  mkdirSync(path, { mode: 0o700 })
  try {
    chownSync(path, 65534, 65534)
    await (await createLab()).close()
    expect(existsSync(path)).toBe(true)
    chownSync(path, process.geteuid!(), 0)
    await (await createLab()).close()
    expect(existsSync(path)).toBe(false)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})

test('a lab that is never closed does not keep its process alive', () => {
  const index = new URL('../../dist/index.js', import.meta.url).href
  const program = `const { createLab } = await import('${index}'); await createLab()`
  const args = ['--input-type=module', '-e', program]
  const { status, signal } = spawnSync(process.execPath, args, {
    stdio: 'inherit',
    timeout: 60_000,
  })
  expect([status, signal]).toEqual([0, null])
})

test('processes with labs of the same names, side by side, do not meet', async () => {
  const numbers = either([1, 2, 3, 4], [1, 2])
  const processes = await Promise.all(numbers.map(labProcess))
  expect(processes.map(({ status }) => status)).toEqual(numbers.map(() => 0))
  expect(new Set(processes.map(({ namespace }) => namespace)).size).toBe(numbers.length)
  for (const { child } of processes) {
    child.stdin.write('end\n')
  }
  const ended = processes.map(async ({ child }) => child.exitCode ?? (await once(child, 'exit'))[0])
  expect(await Promise.all(ended)).toEqual(numbers.map(() => 0))
  for (const { child, pids } of processes) {
    expect(directories(child.pid)).toEqual([])
    for (const pid of pids) {
      await expect.poll(() => isAlive(pid)).toBe(false)
    }
  }
})
