/** The end of `vnet run`: packets in flight are delivered, like a kernel delivers them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { childrenOf, descendants } from '../support/closed-machine.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { server, vnet, run } = standInInternet()
const directory = freshDirectory(0o1777)

/** Prints the number of bytes that arrive, and how they end. */
const SINK = `
import os, socket, time
listener = socket.create_server(('${SERVER_ADDRESS}', 7000))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); datagrams.bind(('${SERVER_ADDRESS}', 7000))
os.write(1, b'ready\\n')
def tcp(before=0):
    connection, size = listener.accept()[0], 0
    time.sleep(before)
    try:
        while data := connection.recv(65536): size += len(data)
        return f'{size} bytes, closed'
    except ConnectionResetError: return f'{size} bytes, reset'
def slow(): return tcp(before=0.5)
def udp(): return f'{len(datagrams.recv(65536))} bytes'
`
const SEND_TCP = `import socket
s = socket.create_connection(('${SERVER_ADDRESS}', 7000)); s.sendall(b'x' * 1000); s.close()`
const END_AT_SIGTERM = `import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print('sent', flush=True); signal.sigwait([signal.SIGTERM])`
const SEND_UDP = `import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x' * 100, ('${SERVER_ADDRESS}', 7000))`

/** Starts the server. */
async function sink(
  protocol: 'tcp' | 'slow' | 'udp',
): Promise<{ readonly received: Promise<string> }> {
  const { stdout } = server.spawn(['python3', '-c', `${SINK}\nos.write(1, ${protocol}().encode())`])
  await once(stdout, 'data')
  return { received: once(stdout, 'data').then(String) }
}

test.for([
  ['TCP', 'delay 200ms', SEND_TCP, '1000 bytes, closed'],
  ['TCP', 'rate 100kbit', SEND_TCP, '1000 bytes, closed'],
  ['TCP', 'loss 0%', SEND_TCP, '1000 bytes, closed'],
  ['UDP', 'delay 50ms', SEND_UDP, '100 bytes'],
  ['UDP', 'loss 0%', SEND_UDP, '100 bytes'],
] as const)(
  "delivers data that is in flight at the command's end, by %s with wire '%s'",
  async ([protocol, wire, script, got]) => {
    const { received } = await sink(protocol === 'TCP' ? 'tcp' : 'udp')
    expect(run('--quiet', '--wire', wire, '--', 'python3', '-c', script).status).toBe(0)
    expect(await received).toBe(got)
  },
)

test('delivers data that the server reads slowly', async () => {
  const { received } = await sink('slow')
  expect(run('--quiet', '--', 'python3', '-c', SEND_TCP.replace('1000', '100000')).status).toBe(0)
  expect(await received).toBe('100000 bytes, closed')
})

test('counts the packets after the end of the command, and not the time', async () => {
  const { received } = await sink('tcp')
  const file = join(directory, 'report.json')
  run('--quiet', '--json', file, '--wire', 'delay 300ms', '--', 'python3', '-c', SEND_TCP)
  expect(await received).toBe('1000 bytes, closed')
  const { seconds, out, in: arrived } = JSON.parse(readFileSync(file, 'utf8'))
  // The first round trip is before the end.
  expect(seconds).toBeGreaterThan(0.6)
  expect(seconds).toBeLessThan(1.2)
  // SYN, ACK, data and FIN leave; SYN-ACK and the acknowledgements arrive.
  expect(out.packets).toBeGreaterThanOrEqual(4)
  expect(arrived.packets).toBeGreaterThanOrEqual(2)
})

/** The link loses data and FIN. */
const LOSE = ['--drop', 'tcp dst port 7000 and tcp[tcpflags] & (tcp-push | tcp-fin) != 0']

test('waits for packets that the link loses for at most 2 s', async () => {
  const { received } = await sink('tcp')
  const start = performance.now()
  expect(run('--quiet', ...LOSE, '--', 'python3', '-c', SEND_TCP).status).toBe(0)
  expect(performance.now() - start).toBeGreaterThan(2000)
  expect(await received).toBe('0 bytes, reset')
})

test('ends by a signal while it waits for packets, and reports the run', async () => {
  await sink('tcp')
  const [program = '', ...args] = vnet('run')
  const command = ['python3', '-c', `${SEND_TCP}; ${END_AT_SIGTERM}`]
  const child = spawn(program, [...args, ...LOSE, '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child.stdout, 'data')
  const processesOf = (pid: number) =>
    descendants(pid).filter(({ words }) => words.includes('create_connection'))
  const launcher = childrenOf(child.pid as number).find(
    pid => processesOf(pid).length > 0,
  ) as number
  process.kill(processesOf(launcher).at(-1)?.pid as number)
  // Until vnet has reaped it, a signal is the command's. No await: vnet waits for 2 s only, and the
  // event loop of a busy machine may return later.
  while (childrenOf(child.pid as number).includes(launcher)) {}
  child.kill('SIGINT')
  const [[, signal], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
  expect(signal).toBe('SIGINT')
  expect(stderr).toMatch(/^vnet: out: .*lost: /m)
})
