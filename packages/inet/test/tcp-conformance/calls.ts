/** The calls of a conformance case to sockets, and the checks of their results. */

import type { Program, World } from '@vnet/conform'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { errnoName } from '#src/base/errno.ts'
import { pattern } from '../../../conform/src/layers.ts'
import type { Sockets, TestListener, TestSocket } from './sockets.ts'

/** A port of the host on which nothing listens. */
const CLOSED_PORT = 1
/** Bytes of a write that fills the send buffer. */
const CHUNK = 4096

export class Calls implements Program {
  readonly #world: Pick<World, 'port'>
  readonly #sockets: Sockets
  #socket: TestSocket | undefined
  #listener: TestListener | undefined
  /** Stream positions of the next written and the next read byte. */
  #written = 1
  #read = 1

  constructor(world: Pick<World, 'port'>, sockets: Sockets) {
    this.#world = world
    this.#sockets = sockets
  }

  get port(): number | undefined {
    return this.#listener?.port
  }

  async call(verb: string, words: readonly string[]): Promise<void> {
    const [word = ''] = words
    switch (verb) {
      case 'connect':
        this.#socket =
          word === 'own'
            ? this.#sockets.connect(CLOSED_PORT, 'own')
            : this.#sockets.connect(this.#world.port + 1, 'peer')
        return
      case 'listen':
        this.#listener = this.#sockets.listen(Number(word) || 16)
        return
      case 'unlisten':
        return this.#listener?.close()
      case 'accept':
        return this.#accept(word)
      case 'skip':
        this.#read += Number(word)
        return
    }
    const socket = this.#socket
    if (socket === undefined) throw new Error('there is no socket')
    switch (verb) {
      case 'connected':
        return same(resultName(await socket.connected()), '0')
      case 'error':
        return same(resultName(await socket.error()), word)
      case 'write':
        return same(resultName(this.#send(socket, Number(word))), words[2] ?? word)
      case 'fill':
        while (this.#send(socket, CHUNK) === CHUNK) {}
        return
      case 'writable':
        return socket.writable()
      case 'read':
        return this.#reads(socket, word)
      case 'shutdown':
        return socket.shutdown()
      case 'close':
        return socket.close()
      case 'reset':
        return socket.reset()
      case 'nodelay':
        return socket.setNoDelay(word === 'on')
      case 'keepalive': {
        const [idle = 0, interval = 0, probes = 0] = words.map(Number)
        return socket.setKeepAlive(idle * NSEC_PER_MSEC, interval * NSEC_PER_MSEC, probes)
      }
      case 'state':
        return same(socket.state(), word)
      default:
        throw new Error('no such verb')
    }
  }

  async #accept(word: string): Promise<void> {
    const listener = this.#listener
    if (listener === undefined) throw new Error('there is no listener')
    if (word !== 'nothing') {
      this.#socket = await listener.accept()
    } else if (listener.hasConnection()) {
      throw new Error('there is a connection')
    }
  }

  #send(socket: TestSocket, length: number): number {
    const written = socket.write(pattern([this.#written, this.#written + length]))
    this.#written += Math.max(written, 0)
    return written
  }

  async #reads(socket: TestSocket, word: string): Promise<void> {
    if (word === 'nothing') return same(String(socket.isReadable()), 'false')
    const length = Number(word)
    if (Number.isNaN(length)) {
      const result = await socket.read(1)
      if (result === null) return same('end', word)
      return same(typeof result === 'number' ? resultName(result) : `${result.length} bytes`, word)
    }
    for (const end = this.#read + length; this.#read < end; ) {
      const result = await socket.read(end - this.#read)
      if (result === null || typeof result === 'number') {
        throw new Error(`not ${length}, but ${result ?? 'the end'}`)
      }
      const expected = pattern([this.#read, this.#read + result.length])
      if (Buffer.compare(result, expected) !== 0) {
        throw new Error('other bytes than the peer has sent')
      }
      this.#read += result.length
    }
  }
}

function resultName(result: number): string {
  return result < 0 ? errnoName(result) : String(result)
}

function same(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`${actual}, not ${expected}`)
}
