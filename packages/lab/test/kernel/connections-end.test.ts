/** Connections that a host loses, by a crash or alone, send nothing any more. */
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { directionOf } from '#src/capture/frame-text.ts'
import { IPPROTO_TCP } from '#src/packet/ipv4.ts'
import { layersOf } from '#src/packet/layers.ts'
import * as tcp from '#src/packet/tcp.ts'
import { recordsIn } from '#support/capture-records.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { explore, type Lab, type LabHost } from '../../src/index.ts'

const OPTIONS = { world: 'kernel', timeout: '90s' } as const
const SIGNS = { RST: tcp.TCP_RST, SYN: tcp.TCP_SYN, FIN: tcp.TCP_FIN }
const REPLY_BYTES = 1e6

/** A server that answers one byte with a megabyte, and reports its connections and their errors. */
const SERVER = `
  const server = require('node:net').createServer(socket => {
    console.log('connection')
    socket.on('error', ({ code }) => console.log(code))
    socket.once('data', () => socket.write(Buffer.alloc(${REPLY_BYTES})))
  })
  server.listen(80, () => console.log('up'))`

/**
 * Returns the TCP segments that the interface of the client has carried, by a port of the client:
 * `> SYN` is one that it has sent, `< data` one that it was given.
 */
function segmentsOf(path: string, port: number): string[] {
  const found: string[] = []
  for (const record of recordsIn(path)) {
    const { frame, interfaceName = '', verdict } = record
    const upper = layersOf(frame, 0, frame.length).find(({ kind }) => kind === 'upper')
    if (!interfaceName.startsWith('explore:client/') || upper?.protocol !== IPPROTO_TCP) continue
    const isGiven = directionOf(record) === 'rx'
    const { at, end } = upper
    if (
      verdict !== undefined ||
      (isGiven ? tcp.destinationPort : tcp.sourcePort)(frame, at) !== port
    ) {
      continue
    }
    const flags = tcp.flags(frame, at)
    const sign = Object.entries(SIGNS).find(([, flag]) => (flags & flag) !== 0)?.[0]
    found.push(
      `${isGiven ? '<' : '>'} ${sign ?? (end > at + tcp.dataOffset(frame, at) ? 'data' : 'ACK')}`,
    )
  }
  return found
}

/** Returns the code of a socket's error. */
async function errorOf(socket: Socket): Promise<unknown> {
  const [error] = await once(socket, 'close').catch(error => [error])
  return error.code
}

/** Asks the server, and settles when the whole reply has arrived. */
async function reply(socket: Socket): Promise<void> {
  socket.write('x')
  let bytes = 0
  for await (const data of socket) {
    bytes += data.length
    if (bytes === REPLY_BYTES) return
  }
}

/** Returns the TCP sockets in the kernel of a host, except servers. */
async function connectionsOf(host: LabHost): Promise<string[]> {
  const { stdout } = await host.exec('cat', ['/proc/net/tcp', '/proc/net/tcp6'])
  return stdout
    .split('\n')
    .filter(line => /^ *\d+:/.test(line) && !/^ *\d+: \S+ \S+ 0A /.test(line))
}

function start(host: LabHost): AsyncIterator<string> {
  const { stdout } = host.spawn('node', ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] })
  return createInterface({ input: stdout! })[Symbol.asyncIterator]()
}

async function makePair(lab: Lab) {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const path = join(testDirectory(), 'packets.pcapng')
  const endCapture = await link.capture(path)
  return { client, server, path, endCapture }
}

async function survivesRestart({ lab }: { lab: Lab }): Promise<void> {
  const { client, server, path, endCapture } = await makePair(lab)
  let runs = 0
  let restarted = () => {}
  const restart = new Promise<void>(resolve => {
    restarted = resolve
  })
  await server.start(async ({ host }) => {
    // Nothing of the old connections is left that the kernel could send again.
    if (++runs === 2) {
      expect(await connectionsOf(host)).toEqual([])
    }
    await start(host).next()
    if (runs === 2) {
      restarted()
    }
  })
  const [v4, v6] = server.addresses as [string, string]
  const sockets: Socket[] = []
  for (const address of [v4, v6, v4]) {
    sockets.push(await client.connect(80, address))
  }
  const [idle4, idle6, busy] = sockets.map(({ localPort }) => localPort!)
  const errors = sockets.map(errorOf)
  sockets[2]?.write('x')
  await restart
  for (const socket of sockets) {
    socket.write('x')
  }
  expect(await Promise.all(errors)).toEqual(Array(3).fill('ECONNRESET'))
  const fresh = await client.connect(80, v6)
  await reply(fresh)
  await endCapture()
  for (const port of [idle4, idle6]) {
    expect(segmentsOf(path, port!).join()).toMatch(
      /^> SYN,< SYN,> ACK(,> data)+,< RST(,> data|,< RST)*$/,
    )
  }
  // The reply is lost, and only the reset arrives afterwards.
  const given = segmentsOf(path, busy!).filter(each => each.startsWith('<') && each !== '< ACK')
  expect([...new Set(given)]).toEqual(['< SYN', '< RST'])
}

test('after a restart a host sends nothing of its old connections but resets in reply', async () => {
  const fault = 'restart 100ms on server client-server ba tcp server:80 > client:*#3 seq 1'
  await explore.repeat(survivesRestart, [fault], OPTIONS)
}, 120_000)

test.each([
  ['IPv4', 0],
  ['IPv6', 1],
])(
  'a program gets ECONNABORTED for a forgotten connection by %s, and others remain',
  async (_, family) => {
    const scenario = async ({ lab }: { lab: Lab }) => {
      const { client, server, path, endCapture } = await makePair(lab)
      const lines = start(server)
      const line = async () => (await lines.next()).value
      expect(await line()).toBe('up')
      const address = server.addresses[family]!
      const other = await client.connect(80, address)
      expect(await line()).toBe('connection')
      const socket = await client.connect(80, address)
      expect(await line()).toBe('connection')
      const port = socket.localPort!
      const error = errorOf(socket)
      socket.write('x')
      expect(await line()).toBe('ECONNABORTED')
      expect(await error).toBe('ECONNRESET')
      other.write('x')
      for (let bytes = 0; bytes < REPLY_BYTES; ) {
        bytes += (await once(other, 'data'))[0].length
      }
      await endCapture()
      // The data was not acknowledged. The client repeats it, and this has the only reply.
      expect(segmentsOf(path, port).join()).toMatch(
        /^> SYN,< SYN,> ACK(,> data){2,},< RST(,> data|,< RST)*$/,
      )
    }
    const fault = 'forget on server client-server ab tcp client:*#2 > server:80 seq 1'
    await explore.repeat(scenario, [fault], OPTIONS)
  },
  60_000,
)

test('sockets of this process are forgotten, too, at either end', async () => {
  const scenario = async ({ lab }: { lab: Lab }) => {
    const { client, server } = await makePair(lab)
    const accepting = net.createServer()
    await server.listen(accepting, 80)
    const accepted = once(accepting, 'connection')
    const socket = await client.connect(80, 'server')
    const [own] = (await accepted) as [Socket]
    const errors = [socket, own].map(errorOf)
    socket.write('x')
    // Its acknowledgment of the data gets the reset.
    expect(await Promise.all(errors)).toEqual(['ECONNABORTED', 'ECONNRESET'])
  }
  const fault = 'forget on client client-server ab tcp client:* > server:80 seq 1'
  await explore.repeat(scenario, [fault], OPTIONS)
}, 120_000)
