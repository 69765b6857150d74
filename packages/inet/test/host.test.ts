/** InetHost and joinPort, the doors of the package. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { FakeClock, MemoryPlatform, type MemoryPort } from '#src/bed/index.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { InetHost, joinPort, type TcpConnection } from '../src/index.ts'

const address = Uint8Array.of(198, 18, 0, 2)
const quiet = { onConnect() {}, onReadable() {}, onWritable() {}, onError() {} }

/** Two hosts with interfaces that lead to each other. */
function pair() {
  const clock = new FakeClock()
  const hosts = [1, 2].map(
    seed => new InetHost({ clock, random: random(seed), tcp: { synRetries: 1 } }),
  )
  const devs = hosts.map((host, i) => {
    const transmit = (frame: Uint8Array) =>
      clock.alarm(() => devs[1 - i]!.receive(frame, 0, frame.length)).at(clock.now() + 1e6)
    const dev = host.addInterface({
      name: 'eth0',
      mac: Uint8Array.of(2, 0, 0, 0, 0, i),
      mtu: 1500,
      transmit,
    })
    dev.addAddress(`198.18.0.${i + 1}/24`)
    return dev
  })
  return { clock, hosts: hosts as [InetHost, InetHost], devs }
}

test('hosts connect by TCP, with the settings that they are given, until a crash', () => {
  const {
    clock,
    hosts: [a, b],
  } = pair()
  const accepted: TcpConnection[] = []
  b.tcp.listen({ address: undefined, port: 80 }, 1, connection => {
    connection.events = quiet
    accepted.push(connection)
  })
  const connection = a.tcp.connect({ address, port: 80 }, quiet)
  clock.advance(1e9)
  expect([connection.state, accepted[0]?.state]).toEqual(['ESTAB', 'ESTAB'])
  b.crash()
  connection.write(Uint8Array.of(1))
  const errors: number[] = []
  connection.events = { ...quiet, onError: errno => errors.push(errno) }
  clock.advance(1e9)
  expect(errors).toEqual([104])
  b.close()
  expect(b.ip.interfaces).toEqual([])
})

test('a host is joined to a port: it has its addresses, and follows its MTU and carrier', async () => {
  const platform = new MemoryPlatform()
  const slots = new SkBuffPool({ large: 1, small: 1 }).openAccount(() => {})
  const port = (await platform.open({ name: 'a', queues: 1, features: 0, slots })) as MemoryPort
  await port.apply({ addresses: ['198.18.0.1/24'], up: true, mtu: 1400 })
  const host = new InetHost({ clock: new FakeClock(), random: random(1) })
  const { dev, follow } = joinPort(host.ip, port)
  expect([dev.name, dev.mtu, host.ip.isOwn(Uint8Array.of(198, 18, 0, 1))]).toEqual([
    'a',
    1400,
    true,
  ])
  await port.apply({ mtu: 1300, carrier: false })
  follow()
  expect([dev.mtu, dev.carrier]).toEqual([1300, false])
})
