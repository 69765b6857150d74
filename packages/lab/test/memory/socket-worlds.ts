/** Where programs with sockets run: on this host in memory, or over the loopback interface. */
import type dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { expect } from 'vitest'
import { random } from '#src/base/random.ts'
import { IpStack } from '../../../inet/src/ip/stack.ts'
import { Tcp } from '../../../inet/src/tcp/tcp.ts'
import { Udp } from '../../../inet/src/udp.ts'
import { ServerHandle } from '../../src/memory/node/memory-server.ts'
import { connectInMemory } from '../../src/memory/node/memory-socket.ts'
import { takeOver } from '../../src/memory/node/udp-handle.ts'
import { Boot } from '../../src/memory/time/boot.ts'
import { VirtualTime } from '../../src/memory/time/virtual-time.ts'
import type { StreamServer } from '../../src/model/place.ts'
import { bindUdp, enter, listen, open } from '../../src/world/code.ts'
import { patchNode } from '../../src/world/node-sockets.ts'

/** Replaces listen(), connect() and bind() in a program. */
export interface World {
  /** Calls `fn`, which opens sockets of this world. */
  enter<T>(fn: () => T): T
  listen(server: StreamServer, port?: number, host?: string): Promise<number>
  connect(port: number, options?: net.NetConnectOpts | net.SocketConstructorOpts): net.Socket
  connectTo(port: number, host: string, options?: Partial<net.TcpNetConnectOpts>): net.Socket
  bind(socket: dgram.Socket, port?: number, host?: string): Promise<number>
}

export const HOST = '127.0.0.1'

/** Sockets of the kernel. */
export const loopback: World = {
  enter: fn => fn(),
  async listen(server, port = 0, host = HOST) {
    const listening = once(server, 'listening')
    ;(server as net.Server).listen(port, host)
    await listening
    return (server.address() as net.AddressInfo).port
  },
  connect: (port, options) => new net.Socket(options).connect(port, HOST),
  connectTo: (port, host, options) => net.connect({ ...options, port, host }),
  async bind(socket, port = 0, host = HOST) {
    socket.bind(port, host)
    await once(socket, 'listening')
    return socket.address().port
  },
}

export interface MemoryWorld extends World, Disposable {
  readonly time: VirtualTime
  readonly tcp: Tcp
  readonly udp: Udp
  readonly boot: Boot
}

/** Returns a boot whose sockets are in memory. */
export function bootOf(tcp: Tcp, udp: Udp): Boot {
  patchNode()
  return new Boot({
    onOpen: () => {},
    connects: (socket, options, boot) => connectInMemory(socket, options, tcp, boot as Boot),
    listens: (server, place, boot) => new ServerHandle(tcp, server, place, boot as Boot),
    binds: (socket, boot) => takeOver(udp, socket, boot as Boot),
    call: () => expect.unreachable('a socket of the kernel'),
    program: () => expect.unreachable('a program'),
    worker: () => expect.unreachable('a thread'),
    interfaces: () => expect.unreachable('interfaces'),
    ...{ name: 'host', isClosed: false, pools: new Set(), onWorker: () => {} },
    lookup: () => Promise.reject(new Error('no names')),
  })
}

/** Sockets of a host in memory, in virtual time. */
export function memoryWorld(): MemoryWorld {
  const time = new VirtualTime()
  const ip = new IpStack({ clock: time.clock, random: random(1) })
  const [tcp, udp] = [new Tcp(ip), new Udp(ip)]
  const boot = bootOf(tcp, udp)
  return {
    time,
    tcp,
    udp,
    boot,
    enter: fn => enter(boot, fn),
    listen: (server, port = 0, host = HOST) => listen(boot, server, port, host),
    connect: (port, options) =>
      open({ code: boot }, () => new net.Socket(options).connect(port, HOST)),
    connectTo: (port, host, options) =>
      open({ code: boot }, () => net.connect({ ...options, port, host })),
    bind: (socket, port = 0, host = HOST) => bindUdp(boot, socket, port, host),
    [Symbol.dispose]: () => time.close(),
  }
}
