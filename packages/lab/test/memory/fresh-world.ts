/** A world of sockets in memory, which is another one in each test. */
import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach } from 'vitest'
import { type MemoryWorld, memoryWorld } from './socket-worlds.ts'

/** Call it once in a test file. */
export function freshWorld() {
  const current: { world?: MemoryWorld } = {}
  const world = () => current.world as MemoryWorld
  beforeEach(() => {
    current.world = memoryWorld()
  })
  afterEach(() => world()[Symbol.dispose]())

  /** Returns a connected client and the socket that a new server has accepted. */
  async function connected(
    options: net.ServerOpts = {},
  ): Promise<{ client: net.Socket; served: net.Socket }> {
    const server = net.createServer(options)
    const port = await world().listen(server)
    const accepted = once(server, 'connection')
    const client = world().connect(port)
    const [[served]] = await Promise.all([accepted, once(client, 'ready')])
    return { client, served }
  }
  return { world, connected }
}
