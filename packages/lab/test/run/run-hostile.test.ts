/** A hostile command of `vnet run` reaches no more than its user did before. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { json, text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TREE } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { ClosedMachine } from '../support/closed-machine.ts'
import { standInInternet } from '../support/internet.ts'

const internet = standInInternet()
const { machine, directory } = internet
/** Where the user's vnets are that have no XDG_RUNTIME_DIR. */
const OTHERS = `/tmp/vnet-${NOBODY}`

/** Servers of the machine: of its loopback, and of an abstract socket. */
const LISTEN = `
  const http = require('node:http')
  const serve = () => http.createServer((_, response) => response.end())
  serve().listen('\\0vnet-of-machine')
  serve().listen(7070, '::', () => console.log('ready'))`

const PARTS = [
  'memory',
  'environment',
  'a descriptor',
  'root directory',
  'working directory',
  'network namespace',
]
const BY_NAMESPACE = ['interface', 'packet socket', 'network namespace'].map(
  name => `${name}, by a user namespace`,
)
const DENIED = ['interface', 'address', 'route', 'rule', 'queue', 'mount', ...BY_NAMESPACE]
/** Few machines have nft. */
const NFTABLES = existsSync('/usr/sbin/nft') ? 'denied' : 'ENOENT'
const SERVERS = ['127.0.0.1', '0.0.0.0', '::1', '::ffff:127.0.0.1', 'an abstract socket']

let closed: ClosedMachine
beforeEach(async () => {
  closed = await ClosedMachine.start(internet)
})
afterEach(() => closed[Symbol.dispose]())

test('attacks on processes, sockets, interfaces and mounts around it are refused', async () => {
  await once(machine.spawn([process.execPath, '-e', LISTEN]).stdout, 'data')
  // Another vnet of the user, which is found elsewhere.
  const sleep = ['run', '--quiet', '--no-internet', '--', 'sleep', '1005']
  closed.user('env', '-u', 'XDG_RUNTIME_DIR', process.execPath, `${TREE}/dist/vnet.js`, ...sleep)
  await expect
    .poll(() =>
      closed.contents().files.some(path => path.startsWith(OTHERS) && path.endsWith('.sock')),
    )
    .toBe(true)
  const outside = closed
    .contents()
    .processes.find(text => text.includes('vnet.js'))
    ?.split(' ')[0] as string
  const script = `${TREE}/packages/lab/test/support/hostile.py`
  const words = ['python3', script, outside, `${directory}/vnet`, OTHERS]
  const hostile = closed.vnet('run', '--quiet', '--', ...words)
  const got = await json(hostile.stdout)
  const ofProcess = (name: string, kill: string | null, [ptrace, file]: [string, string]) => ({
    [`SIGKILL to ${name}`]: kill,
    [`ptrace of ${name}`]: ptrace,
    ...Object.fromEntries(PARTS.map(part => [`${part} of ${name}`, file])),
  })
  const ofDirectory = (number: number) => ({
    [`sockets ${number}`]: [],
    [`new socket ${number}`]: 'EROFS',
    [`removal ${number}`]: 'EBUSY',
    [`renaming ${number}`]: 'EBUSY',
    [`sockets beneath ${number}`]: '',
    [`sockets by the first process ${number}`]: 'EACCES',
  })
  expect(got).toEqual({
    // Process 1 of a PID namespace ignores it.
    ...ofProcess('the first process', null, ['EPERM', 'EACCES']),
    ...ofProcess('a process outside', 'ESRCH', ['ESRCH', 'ENOENT']),
    process_vm_readv: 'EPERM',
    pidfd_getfd: 'EPERM',
    'first process alive': true,
    processes: ['python3', 'vnet-within'],
    'processes beneath': '',
    descriptors: ['0', '1', '2'],
    variables: [],
    ...Object.fromEntries(DENIED.map(name => [name, 'denied'])),
    nftables: NFTABLES,
    sysctl: 'EACCES',
    MTU: 'EPERM',
    'the TAP': 'EBUSY',
    'packet socket': 'EPERM',
    'raw socket': 'EPERM',
    ...ofDirectory(0),
    ...ofDirectory(1),
    ...Object.fromEntries(SERVERS.map(name => [`server at ${name}`, 'ECONNREFUSED'])),
  })
})

test('SIGKILL to all processes hits those of the command alone', async () => {
  const outside = closed.user('sleep', '1006')
  const [status] = await once(
    closed.vnet('run', '--quiet', '--', 'sh', '-c', 'sleep 1007 & kill -KILL -1; exit 5'),
    'close',
  )
  expect(status).toBe(5)
  expect(outside.exitCode ?? outside.signalCode).toBe(null)
  await expect
    .poll(() => closed.contents().processes)
    .toEqual([expect.stringContaining('sleep 1006')])
})

test('the sockets remain hidden when another vnet of the user removes their directory', async () => {
  const sockets = `${directory}/vnet`
  const script = 'echo; read line; ls -A "$0"'
  const hostile = closed.vnet('run', '--quiet', '--', 'sh', '-c', script, sockets)
  await once(hostile.stdout, 'data')
  // What a vnet does that ends. The socket of this one appears some time after the start.
  await once(closed.user('rmdir', sockets), 'close')
  await expect.poll(() => closed.contents().files.some(path => path.endsWith('.sock'))).toBe(true)
  hostile.stdin.end('\n')
  expect(await text(hostile.stdout)).toBe('')
})
