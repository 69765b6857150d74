/** A host that misbehaves toward Linux. */
import { once } from 'node:events'
import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { createLab, type TapHost, tapHost } from '../../src/index.ts'

const own = new OwnNetns()
const hosts: TapHost[] = []
afterEach(async () => {
  for (const host of hosts.splice(0)) {
    await host.close()
  }
  own.remove()
})

const PORT = 8000
const bytesOf = (length: number) =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

interface Victim {
  readonly netns: Netns
  readonly host: TapHost
  /** Runs Python in the namespace with a socket `s` that is connected to the host. */
  python(code: string): Promise<string>
  /** A counter of the kernel there. */
  counter(name: string): number
}

async function victim(text: string, serve: (socket: net.Socket) => unknown): Promise<Victim> {
  const netns = own.add()
  netns.ip('link set lo up')
  const host = await tapHost({ netns: netns.name })
  hosts.push(host)
  await host.misbehave(text)
  const server = net.createServer({ allowHalfOpen: true }, socket =>
    serve(socket.on('error', () => {})),
  )
  await host.listen(server, PORT)
  const start = `import socket, sys, time, hashlib
s = socket.socket()
s.settimeout(40)
def read():
    data = b''
    while True:
        part = s.recv(65536)
        if not part: return data
        data += part
s.connect(('198.18.1.2', ${PORT}))
`
  const python = async (code: string) => {
    const child = netns.spawn(['python3', '-c', start + code])
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', part => {
        text += part
      })
    }
    await once(child, 'close')
    return text.trim()
  }
  const counter = (name: string) =>
    Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(netns.exec('nstat -asz'))?.[1])
  return { netns, host, python, counter }
}

const send = (length: number) => (socket: net.Socket) => socket.end(bytesOf(length))
/** Sends back how many bytes have arrived at the end. */
function count(socket: net.Socket): void {
  let size = 0
  socket
    .on('data', chunk => {
      size += chunk.length
    })
    .on('end', () => socket.end(String(size)))
}
const UPLOAD = "s.sendall(b'x' * 200000); s.shutdown(1); print(read().decode())"
const DOWNLOAD =
  'd = read(); print(len(d), d == bytes((i * 7 + (i >> 8)) & 255 for i in range(len(d))))'

test('window 0 makes Linux probe, until the window opens', async () => {
  const { python, counter } = await victim('window 0 for 3s', count)
  expect(await python(UPLOAD)).toBe('200000')
  expect(counter('TcpExtTCPWinProbe')).toBeGreaterThan(0)
}, 60_000)

test('window shrink does not stop Linux', async () => {
  const { python } = await victim('window shrink', count)
  expect(await python(UPLOAD)).toBe('200000')
}, 60_000)

test('Linux sends segments of at least 48 bytes to a host with mss 8', async () => {
  const { host, python } = await victim('mss 8', count)
  const sizes = await host.link.ab.fault('pass' as 'drop', 'tcp and ip[2:2] > 100')
  expect(await python("s.sendall(b'x' * 5000); s.shutdown(1); print(read().decode())")).toBe('5000')
  expect(sizes.hits).toBe(0)
}, 60_000)

test.each([
  'segments 1',
  'segments 3 repeat',
  'overlap',
  'checksum wrong every 5',
  'ack delay 50ms',
])(
  'Linux reads the right bytes from a host with %s',
  async text => {
    const { python } = await victim(text, send(20_000))
    expect(await python(DOWNLOAD)).toBe('20000 True')
  },
  60_000,
)

test('Linux does not read bytes after a FIN that waits for no segment', async () => {
  // One segment, so that none before the FIN can be late.
  const { python } = await victim('data after fin', send(1000))
  expect(await python(DOWNLOAD)).toBe('1000 True')
}, 60_000)

test('Linux reads the bytes after a FIN that has waited for a segment before it', async () => {
  const { host, python } = await victim('data after fin', send(20_000))
  await host.link.ba.fault('drop', 'tcp and greater 500', { nth: 10 })
  expect(await python(DOWNLOAD)).toBe('20014 False')
}, 60_000)

test('Linux counts segments with wrong checksums', async () => {
  const { python, counter } = await victim('checksum wrong every 5', send(20_000))
  await python(DOWNLOAD)
  expect(counter('TcpInCsumErrors')).toBeGreaterThan(0)
}, 60_000)

test('Linux reads the bytes before a reset, and then its error', async () => {
  // Connecting would fail, too, if the reset came immediately.
  const { python } = await victim('reset after 1000', socket =>
    socket.once('data', () => send(5000)(socket)),
  )
  const code = `
s.sendall(b'x')
n = 0
try:
    while n < 1000: n += len(s.recv(1000 - n))
    print(n)
    s.recv(1)
except OSError as e: print(e)`
  expect(await python(code)).toBe('1000\n[Errno 104] Connection reset by peer')
}, 60_000)

test('Linux repeats a FIN that is never acknowledged', async () => {
  const { netns, host, python } = await victim('no fin-ack', socket => socket.resume())
  const fins = await host.link.ab.fault('pass' as 'drop', 'tcp[13] & 1 = 1')
  await python("s.sendall(b'x'); s.close()")
  await fins.hit(3)
  expect(netns.exec('ss -tanH')).toMatch(/^(FIN-WAIT-1|CLOSING)/m)
}, 60_000)

test('Linux takes the last byte of a segment out of the stream as urgent', async () => {
  const { python } = await victim('urgent', socket => socket.end('hello'))
  expect(await python('print(read().decode())')).toBe('hell')
}, 60_000)

test.each([
  ['port-unreachable', '[Errno 111] Connection refused'],
  ['host-unreachable', '[Errno 113] No route to host'],
  ['protocol-unreachable', '[Errno 92] Protocol not available'],
])(
  'icmp %s ends the connecting of Linux',
  async (kind, error) => {
    const { python } = await victim(`icmp ${kind}`, send(1))
    expect(await python('')).toContain(error)
  },
  60_000,
)

test('icmp too-big lowers the path MTU of Linux', async () => {
  const { netns, python } = await victim('icmp too-big 900 nth 2', count)
  expect(await python(UPLOAD)).toBe('200000')
  expect(netns.exec('ip route get 198.18.1.2')).toContain('mtu 900')
}, 60_000)

test('lost ACKs make Linux send again', async () => {
  const { python, counter } = await victim('ack drop 3', count)
  expect(
    await python("s.sendall(b'x' * 100); time.sleep(3); s.shutdown(1); print(read().decode())"),
  ).toBe('100')
  expect(counter('TcpRetransSegs')).toBeGreaterThan(1)
}, 60_000)

test('a host in the kernel cannot misbehave', async () => {
  await using lab = await createLab({ world: 'kernel' })
  const [host] = lab.hosts('host')
  await expect(host.misbehave('repeat')).rejects.toThrow(
    "host host: its TCP is the kernel's: misbehave needs world",
  )
}, 60_000)
