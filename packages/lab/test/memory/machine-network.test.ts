/** Code of a host in memory does not reach the network of the machine by Node's native objects. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import inspector, { open as opened } from 'node:inspector'
import net, { type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createLab } from '../../src/index.ts'

interface Handle {
  readonly fd: number
  listen(backlog: number): number
  close(): void
  getsockname(into: object): number
  send(...args: unknown[]): number
  send6(...args: unknown[]): number
}
interface Bindings {
  binding(name: string): Record<string, new (type?: number) => Handle>
}

/** Node's internal objects, as far as process.binding() shows them. */
const made = (module: string, type: string, kind?: number): Handle => {
  const Type = (process as unknown as Bindings).binding(module)[type] as new (
    type?: number,
  ) => Handle
  return new Type(kind)
}
const SERVER = 1

async function hostInMemory() {
  const lab = await createLab({ world: 'memory' })
  onTestFinished(() => lab.close())
  return lab.hosts('a', 'b')[0]
}

const listensAt = (port: number) =>
  readFileSync('/proc/self/net/tcp', 'utf8').includes(
    `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000`,
  )

test('an unbound native server does not listen', async () => {
  const a = await hostInMemory()
  const handle = made('tcp_wrap', 'TCP', SERVER)
  onTestFinished(() => handle.close())
  expect(() => a.run(() => handle.listen(5))).toThrow('a socket of the kernel')
  expect(handle.fd).toBeLessThan(0)
})

test('an unbound native UDP socket does not send', async () => {
  const a = await hostInMemory()
  const machine = dgram.createSocket('udp4')
  onTestFinished(() => void machine.close())
  let arrived = 0
  machine.on('message', () => arrived++)
  machine.bind(0, '127.0.0.1')
  await once(machine, 'listening')
  for (const [send, address] of [
    ['send', '127.0.0.1'],
    ['send6', '::1'],
  ] as const) {
    const handle = made('udp_wrap', 'UDP')
    onTestFinished(() => handle.close())
    const call = () =>
      handle[send]({}, [Buffer.from('raw')], 1, machine.address().port, address, false)
    expect(() => a.run(call)).toThrow('a socket of the kernel')
    expect(handle.fd).toBeLessThan(0)
  }
  const other = dgram.createSocket('udp4')
  onTestFinished(() => void other.close())
  // It would have arrived after the others.
  const last = once(machine, 'message')
  other.send('last', machine.address().port, '127.0.0.1')
  await last
  expect(arrived).toBe(1)
})

test('the debugger does not listen for code of a host', async () => {
  const a = await hostInMemory()
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  const promises = await import('node:inspector/promises')
  for (const open of [inspector.open, opened, promises.open]) {
    expect(() => a.run(() => open(port, '127.0.0.1'))).toThrow('a socket of the kernel')
  }
  expect(listensAt(port)).toBe(false)
  expect(inspector.url()).toBeUndefined()
})

test('sockets of other code are as before', async () => {
  await hostInMemory()
  const handle = made('tcp_wrap', 'TCP', SERVER)
  onTestFinished(() => handle.close())
  expect(handle.listen(5)).toBe(0)
})
