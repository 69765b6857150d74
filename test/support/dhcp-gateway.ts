/**
 * A port on a simulated segment, on a real TAP of a test's namespace, with a DHCP server on its gateway. It keeps how each message
 * came, and waits for lines of the server's log.
 */
import { defaultParams } from '../../src/core/driver.ts'
import { LOGLEVEL_INFO, Log } from '../../src/core/log.ts'
import { Net } from '../../src/core/net.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { registerNetdev, unregisterNetdev } from '../../src/core/register.ts'
import { TimerfdClock } from '../../src/kernel/clock.ts'
import { LinuxHost } from '../../src/kernel/host.ts'
import { leasesFile } from '../../src/lan/leases-file.ts'
import { dhcpConfig } from '../../src/segment/dhcp/config.ts'
import { DhcpServer } from '../../src/segment/dhcp/server.ts'
import type { DhcpSpec } from '../../src/segment/dhcp/spec.ts'
import { serveDhcp } from '../../src/segment/gateway.ts'
import type { UdpHandler, UdpMessage } from '../../src/segment/host.ts'
import { type Lan, lanDriver } from './lan-driver.ts'
import type { Netns, OwnNetns } from './netns.ts'

const SPEC: DhcpSpec = {
  server: '198.18.0.1',
  subnets: [{ network: '198.18.0.0/24', ranges: ['198.18.0.100-198.18.0.110'] }],
}

export class DhcpGateway {
  lines: string[] = []
  /** How each message to port 67 came. */
  readonly came: ('unicast' | 'broadcast')[] = []
  /** Hears nothing that is sent to it alone. */
  deaf = false
  #network: Lan | undefined
  #server: DhcpServer | undefined
  #answer: UdpHandler = () => {}
  #wake = (): void => {}
  #read = 0
  readonly #leases: string
  readonly #driver = lanDriver({
    network6: null,
    gateway: { on: { udp: { 67: (message, reply) => this.#receive(message, reply) } } },
    setup: network => {
      this.#network = network
    },
  })
  readonly #clock: TimerfdClock
  readonly #host: LinuxHost
  readonly #dev: NetDevice

  /** @param leases the path of the file of leases */
  constructor(own: OwnNetns, home: Netns, leases: string) {
    const native = own.at(home)
    this.#leases = leases
    this.#host = new LinuxHost(native)
    this.#clock = new TimerfdClock(native)
    const log = new Log(LOGLEVEL_INFO, () => {})
    const net = new Net({ host: this.#host, clock: this.#clock, log })
    const params = { ...defaultParams(this.#driver.params), negotiation: 0 }
    const [spec] = this.#driver.init(params, { args: ['eth9'], names: [], net, txqs: 1, rxqs: 1 })
    this.#dev = (spec as { dev: NetDevice }).dev
  }

  /** Registers eth9. */
  async open(): Promise<void> {
    await registerNetdev(this.#dev, this.#net.net)
  }

  async close(): Promise<void> {
    await unregisterNetdev(this.#dev)
    await this.#driver.exit?.()
    await this.#clock.close()
    await this.#host.close()
  }

  /** Starts a server, with the leases that there are, in place of the one that served so far. */
  serve(more: Partial<DhcpSpec> = {}): void {
    this.lines = []
    this.#read = 0
    const log = new Log(LOGLEVEL_INFO, (_, text) => {
      this.lines.push(text)
      this.#wake()
    })
    const { clock } = this.#net.net
    const config = dhcpConfig({ ...SPEC, ...more })
    const store = leasesFile(this.#leases)
    this.#server = new DhcpServer({ config, clock, wall: Date.now, store, log, name: 'eth9' })
    this.#answer = serveDhcp(this.#net.hosts, this.#server)
  }

  get server(): DhcpServer {
    return this.#server as DhcpServer
  }

  /** Another host has the address, of which the server does not know. */
  take(ip: string): void {
    this.#net.hosts.add({ ip })
  }

  /** The first line that matches, of those that came after the one of the last call. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      for (; this.#read < this.lines.length; this.#read++)
        if (pattern.test(this.lines[this.#read] as string)) return this.lines[this.#read++] as string
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  get #net(): Lan {
    return this.#network as Lan
  }

  #receive(message: UdpMessage, reply: Parameters<UdpHandler>[1]): void {
    const broadcast = message.destination.address.every(octet => octet === 255)
    this.came.push(broadcast ? 'broadcast' : 'unicast')
    if (broadcast || !this.deaf) this.#answer(message, reply)
  }
}
