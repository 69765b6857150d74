/** The two ends of connections over the link of `vnet toxiproxy`. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { TcpPort } from '../../src/toxiproxy/tcp-port.ts'

async function listening<S extends net.Server>(server: S) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const connect = async () => {
    const socket = net.connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { server, connect }
}

test('a port joins both ends of each connection', async () => {
  const { server, connect } = await listening(new TcpPort())
  const all = await Promise.all([server.join(connect), server.join(connect)])
  for (const [near, far] of all) {
    onTestFinished(() => void far.destroy())
    expect(far.remotePort).toBe(near.localPort)
  }
})

describe('a connection of which the other end never arrives', () => {
  /** Connects elsewhere, as if the last packet of the handshake were lost. */
  async function joining(hasEnded = false) {
    const { server } = await listening(new TcpPort())
    const { connect } = await listening(net.createServer(socket => socket.on('error', () => {})))
    const near = await connect()
    if (hasEnded) {
      server.end()
    }
    const failed = expect(server.join(async () => near)).rejects.toThrow('has ended')
    return { server, near, failed }
  }

  test('ends with its port', async () => {
    const { server, near, failed } = await joining()
    server.end()
    await failed
    expect(near.destroyed).toBe(true)
  })

  test('ends if its port has ended before it connects', async () => {
    const { near, failed } = await joining(true)
    await failed
    expect(near.destroyed).toBe(true)
  })

  test('ends after two minutes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { near, failed } = await joining()
    await new Promise(setImmediate)
    vi.advanceTimersByTime(119_999)
    expect(near.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    await failed
  })
})
