/** TCP on the hosts of `vnet lan`, from programs on the network stack over a real TAP. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { stopLan } from '#support/lan-program.ts'
import { outcome } from '#support/netns.ts'
import { openFiles } from '#support/open-files.ts'
import { withoutCapIn } from '#support/privileges.ts'
import { firstOf } from '#support/scale.ts'
import { hasCarrier, untilShown } from '#support/shown-link.ts'
import { tcpConnect } from '#support/sockets.ts'
import { lines } from '#support/traffic.ts'
import {
  BOTH_WAYS,
  type Running,
  type SpawnOptions,
  spawnVnet,
  startVnet,
} from '#support/vnet-process.ts'

/** The module that a driver file imports as '@vnet/lan'. */
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href
const CONFIG = `
hosts:
  - { name: web, ip: 198.18.0.7, ip6: "2001:db8:0:1::7", ports: [{ port: 80, service: http }, { port: 8080, service: http, body: hello }] }
  - { name: node%d, count: 20, ip: 198.18.0.20, ip6: "2001:db8:0:1::20", ports: [{ port: 80, service: http }] }
`

const { own, near, files } = freshNamespaces('near')

/** Waits for the carrier and adds addresses to the interface. */
async function joinWith(vnet: Running, ...addresses: string[]): Promise<Running> {
  await untilShown(own, near, 'eth9', hasCarrier)
  for (const text of addresses) {
    expect(await near.run(`ip addr add ${text} dev eth9`)).toMatchObject({ status: 0, stderr: '' })
  }
  return vnet
}

/** Adds one address of each family from the segment's networks. */
const join = (vnet: Running) => joinWith(vnet, '198.18.0.50/24', '2001:db8:0:1::50/64 nodad')

const config = (text = CONFIG) => files.write(text, 'lan.yaml')
const PORT = ['--json', '--negotiation', '0']

/** Starts `vnet lan` in this process, with the configuration. */
const start = async (...args: string[]) =>
  join(await startVnet(['lan', `${near.name}/eth9`, ...PORT, '--config', config(), ...args]))

/** Starts a driver file in its own process. */
const startFile = async (text: string, args: string[] = []) =>
  join(await spawnVnet([files.write(text), `${near.name}/eth9`, ...PORT, ...args]))

/**
 * Runs a Python script with some TCP helpers in the namespace. Returns the lines that it prints.
 */
async function python(script: string): Promise<string[]> {
  const words = `
import socket, struct
def connect(to, port):
    return socket.create_connection((to, port), 20)
def rest(s):
    parts = []
    while part := s.recv(65536): parts.append(part)
    return b''.join(parts)
def ask(to, port, data=b''):
    s = connect(to, port)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    return rest(s)
def get(to, port=80):
    return ask(to, port, b'GET / HTTP/1.0\\r\\n\\r\\n').split(b'\\r\\n\\r\\n')[1].decode()
def refused(to, port):
    try: connect(to, port)
    except ConnectionRefusedError: return True
`
  const { status, stdout, stderr } = await outcome(near.spawn(['python3', '-c', words + script]))
  expect([status, stderr]).toEqual([0, ''])
  return stdout.trimEnd().split('\n')
}

describe.each(firstOf(1, BOTH_WAYS))('%s', (_, options) => {
  test('every host serves its ports over both families and closes the others', async () => {
    const vnet = await start(...options)
    const found = await python(`
for to in '198.18.0.1', '198.18.0.7', '198.18.0.20', '198.18.0.39', '2001:db8:0:1::1', '2001:db8:0:1::7', '2001:db8:0:1::33':
    s = connect(to, 19)
    s.shutdown(socket.SHUT_WR)
    pattern = b''
    while len(pattern) < 300000: pattern += s.recv(65536)
    s.close()
    print(ask(to, 7, b'hello'), ask(to, 9, b'x' * 100000), ask(to, 13)[-6:], pattern[:148].split(b'\\r\\n')[1][:9], refused(to, 81))
`)
    expect(found).toEqual(Array(7).fill(`b'hello' b'' b'-UTC\\r\\n' b'!"#$%&\\'()' True`))
    await stopLan(vnet)
  })

  test.each([
    ['IPv4', '198.18.0.50', '198.18.0.20'],
    ['IPv6', '2001:db8:0:1::50', '2001:db8:0:1::20'],
  ])('echo returns 8 MB over %s unchanged', async (_, from, to) => {
    const vnet = await start(...options)
    const socket = await tcpConnect(near, from, to, 7)
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    const ended = new Promise((resolve, reject) => {
      socket
        .on('data', chunk => received.update(chunk))
        .on('end', resolve)
        .on('error', reject)
    })
    for (let i = 0; i < 8; i++) {
      const octets = randomBytes(1 << 20)
      sent.update(octets)
      await new Promise(resolve => socket.write(octets, resolve))
    }
    socket.end()
    await ended
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    await stopLan(vnet)
  })
})

test('each of many hosts replies to HTTP with its own name', async () => {
  const vnet = await start()
  const found = await python(`
for to in '198.18.0.7', '198.18.0.20', '198.18.0.39', '2001:db8:0:1::7', '2001:db8:0:1::20': print(get(to).strip())
print(get('198.18.0.7', 8080), refused('198.18.0.20', 8080), refused('198.18.0.1', 80))
`)
  expect(found).toEqual(['web', 'node1', 'node20', 'web', 'node1', 'hello True True'])
  await stopLan(vnet)
})

test('200 simultaneous connections to 20 hosts are all served', async () => {
  const vnet = await start()
  const found = await python(`
all = [connect(f'198.18.0.{20 + i % 20}', 7) for i in range(200)]
for i, s in enumerate(all): s.sendall(b'%d;' % i * 1000); s.shutdown(socket.SHUT_WR)
print([rest(s) == b'%d;' % i * 1000 for i, s in enumerate(all)].count(True))
`)
  expect(found).toEqual(['200'])
  await stopLan(vnet)
})

test('ports are open to link-local clients, but not on link-local addresses', async () => {
  near.exec('sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0')
  const vnet = await joinWith(
    await spawnVnet([
      'lan',
      `${near.name}/eth9`,
      ...PORT,
      '--config',
      config(`ra: false\n${CONFIG}`),
    ]),
    '198.18.0.50/24',
  )
  await near.run('ip -6 route add 2001:db8:0:1::/64 dev eth9')
  const found = await python(`
scope = socket.if_nametoindex('eth9')
s = socket.socket(socket.AF_INET6)
s.settimeout(20)
try: s.connect(('fe80::4c:4eff:fe12:7', 80, 0, scope))
except ConnectionRefusedError: print('refused')
s = connect('2001:db8:0:1::7', 80)
print(s.getsockname()[0][:6], get('2001:db8:0:1::7').strip())
`)
  expect(found).toEqual(['refused', 'fe80:: web'])
  await stopLan(vnet)
})

test('the gateway replies to several DNS queries on one TCP connection', async () => {
  const many = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`)
  const text = `${CONFIG}dns: { records: { many: [${many}] } }`
  const vnet = await join(
    await startVnet(['lan', `${near.name}/eth9`, ...PORT, '--config', config(text)]),
  )
  const found = await python(`
def query(id, name):
    q = struct.pack('>6H', id, 0x100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l for l in name.split(b'.')) + b'\\0' + struct.pack('>2H', 1, 1)
    return struct.pack('>H', len(q)) + q
answer = ask('198.18.0.1', 53, query(7, b'node20.lan') + query(8, b'no.lan') + query(9, b'many.lan'))
while answer:
    length = struct.unpack('>H', answer[:2])[0]
    reply, answer = answer[2:2 + length], answer[2 + length:]
    print(*struct.unpack('>HBB2H', reply[:8]), list(reply[-4:]))
`)
  expect(found).toEqual([
    expect.stringMatching(/^7 133 128 1 1 \[198, 18, 0, 39\]$/),
    expect.stringMatching(/^8 133 131 1 0 /),
    expect.stringMatching(/^9 133 128 1 100 /),
  ])
  await stopLan(vnet)
})

test('a driver file serves ports; an exception costs its connection and logs a line', async () => {
  const vnet = await startFile(`import { host, lan } from '${LIBRARY}'
    export const driver = lan({ hosts: [host({ name: 'mine', mac: '02:00:00:00:07:07', ip: '198.18.0.77', on: {
      udp: { 53: (msg, reply) => reply(Uint8Array.from(msg.data).reverse()), 54: 'echo' },
      tcp: {
        80: (socket, host) => socket.end(host.name + ' ' + host.ip[0].join('.')),
        81: () => { throw new Error('not today') },
        82: 'echo',
        83: async () => { throw new Error('nor tomorrow') },
      },
    } })] })`)
  const found = await python(`
def tell(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.sendto(b'abc', ('198.18.0.77', port))
    return s.recv(100)
print(tell(53), tell(54), ask('198.18.0.77', 80), ask('198.18.0.77', 82, b'x'), ask('198.18.0.77', 81), ask('198.18.0.77', 80))
`)
  expect(found).toEqual(["b'cba' b'abc' b'mine 198.18.0.77' b'x' b'' b'mine 198.18.0.77'"])
  await vnet.line(/"host mine: tcp 81: [^"]*not today/)
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
})

test('the documented example device has a name, replies to UDP and HTTP, and sends unasked', async () => {
  const vnet = await join(
    await spawnVnet([resolve('examples/lan-device.js'), `${near.name}/eth9`, ...PORT]),
  )
  const found = await python(`
import re
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.bind(('', 4001))
told, (source, port) = s.recvfrom(100)
s.sendto(b'', ('198.18.0.7', 4000))
answer, _ = s.recvfrom(100)
while answer == told: answer, _ = s.recvfrom(100) # perhaps told once more
celsius = rb'[0-9.]+\\n'
print(source, port, bool(re.fullmatch(celsius, told)), bool(re.fullmatch(celsius, answer)), get('198.18.0.7')[:11], get('2001:db8:0:1::7')[:11])
`)
  expect(found).toEqual([`198.18.0.7 4000 True True {"celsius": {"celsius":`])
  await stopLan(vnet)
})

test('a reload keeps connections, on which a host may send unasked, and opens new ports', async () => {
  const path = config('')
  const vnet = await startFile(
    `import { host, lan } from '${LIBRARY}'
    const sockets = []
    export const driver = lan({
      hosts: [host({ ip: '198.18.0.77', on: { tcp: { 80: socket => sockets.push(socket) && socket.write('first\\n') } } })],
      start() { for (const socket of sockets) socket.end('second\\n') },
    })`,
    ['--config', path],
  )
  const client = near.spawn([
    'python3',
    '-uc',
    `import socket; s = socket.create_connection(('198.18.0.77', 80), 60).makefile(); [print(line) for line in s]`,
  ])
  const said = lines(client)
  const done = outcome(client)
  await said.until(/first/)
  expect(await python(`print(refused('198.18.0.77', 8080))`)).toEqual(['True'])
  config()
  process.kill(vnet.pid, 'SIGHUP')
  await said.until(/second/)
  expect(await done).toMatchObject({ status: 0, stderr: '' })
  expect(await python(`print(get('198.18.0.7', 8080))`)).toEqual(['hello'])
  await stopLan(vnet)
})

test('stopping does not wait for connections and leaks no descriptor', async () => {
  const before = readdirSync('/proc/self/fd').length
  const vnet = await start()
  const sockets = await Promise.all(
    [20, 21, 22].map(n => tcpConnect(near, '198.18.0.50', `198.18.0.${n}`, 19)),
  )
  for (const socket of sockets) {
    socket.on('error', () => {}).resume()
  }
  await Promise.all(sockets.map(socket => new Promise(resolve => socket.once('data', resolve))))
  await stopLan(vnet)
  for (const socket of sockets) {
    await new Promise(resolve => socket.once('close', resolve).destroy())
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before)
})

test('a killed vnet leaves no interface and no namespace', async () => {
  const vnet = await join(
    await spawnVnet(['lan', `${near.name}/eth9`, ...PORT, '--config', config()]),
  )
  expect(await python(`print(get('198.18.0.7'))`)).toEqual(['web'])
  const spaces = openFiles(`/proc/${vnet.pid}/fd`).filter(file => file.startsWith('net:'))
  expect(spaces.length).toBeGreaterThan(0)
  await vnet.stop('SIGKILL')
  expect((await near.run('ip link show eth9')).status).not.toBe(0)
})

const inside = (): SpawnOptions => ({ within: ['ip', 'netns', 'exec', near.name] })

test('vnet started in another namespace serves likewise and writes no lease file', async () => {
  const leases = '/var/lib/vnet/nolease0.leases'
  rmSync(leases, { force: true })
  const vnet = await join(await spawnVnet(['lan', 'eth9', ...PORT, '--config', config()], inside()))
  expect(await python(`print(get('198.18.0.7'))`)).toEqual(['web'])
  await stopLan(vnet)
  await stopLan(await spawnVnet(['lan', 'nolease0', ...PORT], inside()))
  await stopLan(await startVnet(['lan', `${near.name}/nolease0`, ...PORT]))
  await stopLan(await startVnet(['lan', '--name', 'nolease0', '--netns', near.name, ...PORT]))
  expect(existsSync(leases)).toBe(false)
})

test('without the right to create a namespace, all ports are closed and a line says so', async () => {
  const limited = { within: withoutCapIn(near, 'sys_admin') }
  const vnet = await join(await spawnVnet(['lan', 'eth9', ...PORT, '--config', config()], limited))
  await vnet.line(/no TCP on the hosts: unshare\(CLONE_NEWNET\): EPERM/)
  expect(await python(`print(refused('198.18.0.7', 80), refused('198.18.0.7', 7))`)).toEqual([
    'True True',
  ])
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
})
