/** Transfers random bytes in both directions, and compares hashes of sent and received bytes. */
import { createHash, randomBytes } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import { int32, SO_RCVBUFFORCE, SOCK_DGRAM, SOL_SOCKET } from '#src/linux/uapi.ts'
import { boundForNode, type End, tcpConnect, tcpListen } from './sockets.ts'

/** Longer than one GSO frame, so that the kernel always makes one. */
const BLOCK = 256 << 10
// include/uapi/linux/udp.h, in.h
const SOL_UDP = 17
const UDP_SEGMENT = 103
const RECEIVE_BUFFER = 8 << 20

const native = loadNative()

/** A TCP connection that sends continuously in both directions. */
export interface Streams {
  /** Waits until `octets` more bytes have arrived at each end. */
  more(octets: number): Promise<void>
  /**
   * Stops sending, and waits for all that was sent. Returns the number of bytes that arrived each
   * way, and the wrong blocks.
   */
  end(): Promise<readonly StreamEnd[]>
}

export interface StreamEnd {
  readonly octets: number
  /** Also the number of the first missing one. */
  readonly wrong: readonly number[]
}

/** Connects to `port` at `server`, and starts sending. */
export async function startStreams(client: End, server: End, port = 5002): Promise<Streams> {
  const listener = await tcpListen(server.netns, server.address, port)
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const near = await tcpConnect(client.netns, client.address, server.reachedAt, port)
  const [far] = await accepted
  const directions = [direction(near, far), direction(far, near)]
  return {
    more: async octets => void (await Promise.all(directions.map(({ more }) => more(octets)))),
    async end() {
      for (const { stop } of directions) {
        stop()
      }
      const ends = await Promise.all(directions.map(({ ended }) => ended))
      await new Promise(resolve => listener.close(resolve))
      return ends
    },
  }
}

function direction(from: Socket, to: Socket) {
  const sent: string[] = []
  const wrong: number[] = []
  let stopped = false
  let octets = 0
  let blocks = 0
  let sum = createHash('sha256')
  let left = BLOCK
  let wake = () => {}

  function send(): void {
    if (stopped) return
    const block = randomBytes(BLOCK)
    sent.push(hash(block))
    from.write(block, send)
  }

  function endOfBlock(): void {
    if (sum.digest('hex') !== sent[blocks]) {
      wrong.push(blocks)
    }
    blocks++
    sum = createHash('sha256')
    left = BLOCK
  }

  to.on('data', chunk => {
    octets += chunk.length
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + left)
      sum.update(piece)
      at += piece.length
      left -= piece.length
      if (left === 0) {
        endOfBlock()
      }
    }
    wake()
  })
  const ended = new Promise<StreamEnd>((resolve, reject) => {
    from.on('error', reject)
    to.on('error', reject).on('end', () => {
      if (left !== BLOCK || blocks !== sent.length) {
        wrong.push(blocks)
      }
      resolve({ octets, wrong })
    })
  })
  send()
  return {
    ended,
    stop() {
      stopped = true
      from.end()
    },
    async more(count: number) {
      const enough = octets + count
      const failed = ended.then(() => Promise.reject(new Error('the stream ended')))
      // After a regular end nothing awaits it.
      failed.catch(() => {})
      while (octets < enough) {
        const some = new Promise<void>(resolve => {
          wake = resolve
        })
        await Promise.race([some, failed])
      }
    },
  }
}

/** Two UDP sockets, each connected to the other. */
export interface Datagrams {
  /**
   * Sends one message of random bytes from each end, split by UDP_SEGMENT into datagrams of
   * `segment` bytes unless that is 0, and waits for as many bytes. Returns the datagrams that
   * arrived in each direction, and whether they match the sent ones.
   */
  exchange(octets: number, segment: number): Promise<readonly DatagramsEnd[]>
  close(): void
}

export interface DatagramsEnd {
  readonly datagrams: number
  readonly longest: number
  readonly same: boolean
}

export async function openDatagrams(client: End, server: End, port = 5003): Promise<Datagrams> {
  const [near, far] = await Promise.all([
    connected(client, server, port),
    connected(server, client, port),
  ])
  return {
    exchange: (octets, segment) =>
      Promise.all([passed(near, far, octets, segment), passed(far, near, octets, segment)]),
    close() {
      for (const { socket } of [near, far]) {
        socket.close()
      }
    },
  }
}

interface UdpEnd {
  readonly fd: number
  readonly socket: UdpSocket
}

async function connected(here: End, there: End, port: number): Promise<UdpEnd> {
  const fd = boundForNode(here.netns, SOCK_DGRAM, here.address, port)
  check(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(RECEIVE_BUFFER)), 'SO_RCVBUFFORCE')
  const socket = createSocket(here.address.includes(':') ? 'udp6' : 'udp4')
  // A socket made from a descriptor listens before bind returns.
  const listening = once(socket, 'listening')
  socket.bind({ fd })
  await listening
  const ready = once(socket, 'connect')
  socket.connect(port, there.reachedAt)
  await ready
  return { fd, socket }
}

async function passed(
  from: UdpEnd,
  to: UdpEnd,
  octets: number,
  segment: number,
): Promise<DatagramsEnd> {
  const message = randomBytes(octets)
  const sum = createHash('sha256')
  const sizes: number[] = []
  const arrived = new Promise<void>(resolve => {
    let left = octets
    to.socket.on('message', function one(datagram) {
      sum.update(datagram)
      sizes.push(datagram.length)
      left -= datagram.length
      if (left > 0) return
      to.socket.off('message', one)
      resolve()
    })
  })
  await send(from, message, segment)
  await arrived
  const same = sum.digest('hex') === hash(message)
  return { datagrams: sizes.length, longest: Math.max(...sizes), same }
}

async function send({ fd, socket }: UdpEnd, message: Uint8Array, segment: number): Promise<void> {
  check(native.setsockopt(fd, SOL_UDP, UDP_SEGMENT, int32(segment)), 'UDP_SEGMENT')
  const error = await new Promise<NodeJS.ErrnoException | null>(resolve => {
    socket.send(message, resolve)
  })
  if (error === null) return
  // A kernel before 6.11 splits only what leaves through an interface with checksum offload.
  if (error.code !== 'EIO' || segment === 0) throw error
  for (let at = 0; at < message.length; at += segment) {
    await send({ fd, socket }, message.subarray(at, at + segment), 0)
  }
}

function hash(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex')
}
