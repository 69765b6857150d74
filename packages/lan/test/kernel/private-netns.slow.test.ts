/** A private namespace whose servers listen on every address, seen from the other end of a veth. */

import { execFileSync } from 'node:child_process'
import { closeSync, readdirSync, readlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { EADDRINUSE, EBADF } from '#src/base/errno.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { PrivateNetns } from '../../src/services/private-netns.ts'

const { own, host } = freshNamespaces('host')
const servers: Server[] = []

afterEach(() =>
  Promise.all(servers.splice(0).map(server => new Promise(resolve => server.close(resolve)))),
)

/** A path for other processes: its own path works only for our threads. */
const pathOf = ({ path }: PrivateNetns) =>
  `/proc/${process.pid}/fd/${path.slice(path.lastIndexOf('/') + 1)}`

/** Runs `ip ARGS` in the namespace. */
function ip(netns: PrivateNetns, args: string): string {
  const command = [`--net=${pathOf(netns)}`, 'ip', ...args.split(' ')]
  return execFileSync('nsenter', command, { encoding: 'utf8', stdio: 'pipe' })
}

/**
 * A veth from 198.18.0.100 and 2001:db8:0:1::100 into it. Each end knows the other's MAC address.
 */
function joined(netns: PrivateNetns): void {
  host.ip(
    'link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02',
  )
  host.ip(`link set far netns ${pathOf(netns)}`, 'address add 198.18.0.100/24 dev near')
  host.ip('address add 2001:db8:0:1::100/64 dev near nodad', 'link set near up')
  ip(netns, 'link set far up')
  netns.receiveAll('far')
  for (const address of ['198.18.0.7', '2001:db8:0:1::7']) {
    host.ip(`neighbour add ${address} lladdr 02:00:00:00:00:02 dev near`)
  }
  for (const address of ['198.18.0.100', '2001:db8:0:1::100']) {
    ip(netns, `neighbour add ${address} lladdr 02:00:00:00:00:01 dev far`)
  }
}

test('a server in the namespace has every address, and knows which one a client used', async () => {
  using netns = new PrivateNetns(own.native)
  joined(netns)
  const server = createServer(socket => socket.end(`${socket.localAddress} ${socket.localPort}`))
  servers.push(server)
  await new Promise<void>(resolve => server.listen({ fd: netns.bind(80) }, resolve))
  for (const [address, called] of [
    ['198.18.0.7', '::ffff:198.18.0.7 80'],
    ['2001:db8:0:1::7', '2001:db8:0:1::7 80'],
  ]) {
    const script = `import socket; s = socket.create_connection(("${address}", 80), 30); print(s.recv(99).decode())`
    const client = outcome(host.spawn(['python3', '-c', script]))
    expect(await client).toEqual({ stdout: `${called}\n`, stderr: '', status: 0 })
  }
})

test('the thread keeps its namespace, and the new one ends with its descriptor', () => {
  const home = readlinkSync('/proc/thread-self/ns/net')
  const netns = new PrivateNetns(own.native)
  expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
  expect(readlinkSync(pathOf(netns))).not.toBe(home)
  expect(ip(netns, '-o link').trim().split('\n')).toEqual([
    expect.stringMatching(/^1: lo: <LOOPBACK> /),
  ])
  netns[Symbol.dispose]()
  expect(() => ip(netns, 'link')).toThrow()
})

test('the socket of a port is not a descriptor of the addon: a server of Node closes it', () => {
  using netns = new PrivateNetns(own.native)
  const fd = netns.bind(80)
  expect(own.native.close(fd)).toBe(-EBADF)
  closeSync(fd)
})

test('a port that cannot be bound is an error of one line, and leaves no descriptor', () => {
  const before = readdirSync('/proc/self/fd')
  const native = { ...own.native, bind: () => -EADDRINUSE }
  const refusing = new PrivateNetns(native)
  expect(() => refusing.bind(80)).toThrow(/^bind port 80: EADDRINUSE/)
  refusing[Symbol.dispose]()
  expect(readdirSync('/proc/self/fd')).toEqual(before)
})
