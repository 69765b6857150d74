import crypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import fs from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import zlib from 'node:zlib'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { kindOf } from '../../../src/memory/time/async-types.ts'
import { start } from './started.ts'

const DATA = Buffer.alloc(1_000_000, 'data')
const gzip = promisify(zlib.gzip)
const scrypt = promisify(crypto.scrypt)
/** A file that is read in more than one request. */
const FILE = join(fileDirectory(), 'data')
fs.writeFileSync(FILE, DATA)

/** Reads a stream to its end. */
async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) {
  }
}

const realTimeout = setTimeout

/** Returns a UDP server that replies after some real time. */
async function slowServer(reply: (data: Buffer) => Buffer): Promise<dgram.Socket> {
  const server = dgram.createSocket('udp4')
  server.on('message', (data, { port }) => realTimeout(() => server.send(reply(data), port), 20))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Work that takes real time, by name. */
const WORK: Readonly<Record<string, () => unknown>> = {
  'crypto.scrypt': () => scrypt('password', 'salt', 16),
  'crypto.pbkdf2': () => promisify(crypto.pbkdf2)('password', 'salt', 20_000, 16, 'sha256'),
  'crypto.randomBytes': () => promisify(crypto.randomBytes)(100_000),
  'crypto.generateKeyPair': () => promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' }),
  'crypto.subtle.digest': () => crypto.subtle.digest('SHA-256', DATA),
  'crypto.subtle.generateKey': () =>
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
  'zlib.gzip': () => gzip(DATA),
  'zlib.brotliCompress': () => promisify(zlib.brotliCompress)(DATA.subarray(0, 100_000)),
  CompressionStream: () =>
    drain(new Blob([DATA]).stream().pipeThrough(new CompressionStream('gzip'))),
  'fs.readFile': () => promisify(fs.readFile)(FILE),
  'fs.promises.readFile': () => fs.promises.readFile(FILE),
  'fs.createReadStream': () => drain(fs.createReadStream(FILE)),
  'fs.promises.readdir': () => fs.promises.readdir('/'),
  'fs.openAsBlob': async () => (await fs.openAsBlob(FILE)).arrayBuffer(),
  'dns.lookup': () => dns.promises.lookup('localhost'),
  'an exchange of real datagrams': async () => {
    const server = await slowServer(data => data)
    const client = dgram.createSocket('udp4')
    client.send('hello', server.address().port, '127.0.0.1')
    await once(client, 'message')
    client.close()
    server.close()
  },
  'dns.resolve': async () => {
    // Refuses: RCODE 5 of RFC 1035, in a response.
    const server = await slowServer(query =>
      Buffer.concat([query.subarray(0, 2), Buffer.of(0x80, 5), query.subarray(4)]),
    )
    const resolver = new dns.promises.Resolver({ tries: 1 })
    resolver.setServers([`127.0.0.1:${server.address().port}`])
    await expect(resolver.resolve4('name.test')).rejects.toMatchObject({ code: 'EREFUSED' })
    server.close()
  },
  'WebAssembly.compile': () => (Reflect.get(globalThis, 'WebAssembly') as Wasm).compile(MODULE),
  'a worker thread': () =>
    new Promise(resolve =>
      new Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true }).on(
        'exit',
        resolve,
      ),
    ),
  'a real socket': async () => {
    const server = net.createServer(socket => socket.end('hello')).listen(0, '127.0.0.1')
    await new Promise(resolve => server.on('listening', resolve))
    await drain(net.connect((server.address() as AddressInfo).port, '127.0.0.1'))
    await new Promise(resolve => server.close(resolve))
  },
}

interface Wasm {
  compile(bytes: Uint8Array): Promise<unknown>
}

/** The smallest module: magic number and version. */
const MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

test.each(Object.keys(WORK))('time stands still during %s, and continues after it', async name => {
  const time = start()
  const timer = setInterval(() => {}, 1)
  await WORK[name]?.()
  expect(time.now).toBe(0)
  clearInterval(timer)
  await time.sleep(10)
  expect(time.now).toBe(10)
})

test('what time stands still for has a name until it ends', async () => {
  const time = start()
  const hash = scrypt('password', 'salt', 16)
  expect(time.awaited).toEqual([
    expect.stringMatching(/^a request of the thread pool \(SCRYPT\w+\)$/),
  ])
  await hash
  expect(time.awaited).toEqual([])
})

test('time continues after synchronous functions of crypto and zlib', async () => {
  const time = start()
  crypto.randomBytes(16)
  crypto.scryptSync('password', 'salt', 16)
  crypto.pbkdf2Sync('password', 'salt', 1, 16, 'sha256')
  crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  zlib.gunzipSync(zlib.gzipSync(DATA))
  await time.sleep(10)
  expect(time.now).toBe(10)
})

test('an AsyncResource of a program with the name of a request does not stop time', async () => {
  const { AsyncResource } = await import('node:async_hooks')
  const time = start({ patience: 60_000 })
  const resource = new AsyncResource('FSREQCALLBACK')
  await time.sleep(10)
  resource.emitDestroy()
  expect(time.now).toBe(10)
})

test('real TCP and UDP servers that wait for clients do not stop time', async () => {
  const time = start({ patience: 60_000 })
  const server = net.createServer().listen(0, '127.0.0.1')
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await Promise.all([server, socket].map(each => once(each, 'listening')))
  await time.sleep('1h')
  server.close()
  socket.close()
})

test.each(['constructor', 'toString', '__proto__'])(
  'a resource of the type %s is not a real thing',
  type => {
    expect(kindOf(type)).toBeUndefined()
  },
)
