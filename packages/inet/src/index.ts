/**
 * '@vnet/inet': TCP/IP of a host in TypeScript. A host has interfaces, which take and give Ethernet
 * frames, and endpoints of UDP and TCP. It has no timers and no sockets of its own: the clock and
 * the random numbers are its user's, so that it runs in virtual time and in a browser.
 *
 *     const host = new InetHost({ clock, random: random(7) })
 *     const eth0 = host.addInterface({ name: 'eth0', mac, mtu: 1500, transmit: send })
 *     eth0.addAddress('198.18.0.1/24')
 *     host.tcp.listen({ address: undefined, port: 8080 }, 16, connection => serve(connection))
 *     eth0.receive(frame, 0, frame.length)
 */
import type { Clock } from 'vnet'
import type { Random } from 'vnet/net'
import type { StackInterface, StackInterfaceOptions } from './ip/interface.ts'
import { IpStack } from './ip/stack.ts'
import type { TcpOptions } from './tcp/host.ts'
import { Tcp } from './tcp/tcp.ts'
import { Udp } from './udp.ts'

export type * from './contract.ts'
export type { StackInterface, StackInterfaceOptions } from './ip/interface.ts'
export type { ForwardedPacket, IpStack, StackRoute } from './ip/stack.ts'
export { type JoinedPort, joinPort } from './port.ts'
export type { TcpOptions } from './tcp/host.ts'
export type { Tcp } from './tcp/tcp.ts'
export type { InterfaceChoice, Udp, UdpSocket } from './udp.ts'

/** The environment of a host. */
export interface InetOptions {
  /** All times are its nanoseconds. */
  readonly clock: Clock
  /** Source of initial sequence numbers and ephemeral ports. */
  readonly random: Random
  /** Settings of TCP; else the defaults of Linux. */
  readonly tcp?: Partial<TcpOptions>
}

/**
 * A host with its IP, UDP and TCP. Its user passes frames to the interfaces and calls `close` at
 * the end, after which no alarm of the clock remains.
 */
export class InetHost {
  readonly ip: IpStack
  readonly udp: Udp
  readonly tcp: Tcp

  constructor({ clock, random, tcp }: InetOptions) {
    this.ip = new IpStack({ clock, random })
    this.udp = new Udp(this.ip)
    this.tcp = new Tcp(this.ip, tcp)
  }

  /** Adds an interface, which is up and has a carrier. Its `receive` takes frames. */
  addInterface(options: StackInterfaceOptions): StackInterface {
    return this.ip.addInterface(options)
  }

  /** Ends all connections and sockets without a packet or an event; new ones can be opened. */
  crash(): void {
    this.tcp.crash()
    this.udp.crash()
    this.ip.dropQueued()
  }

  /** Ends everything, and removes the interfaces. */
  close(): void {
    this.tcp.close()
    this.udp.close()
    this.ip.close()
  }
}
