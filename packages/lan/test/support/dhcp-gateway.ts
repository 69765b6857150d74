/**
 * A port of a simulated segment on a real TAP, with a DHCP server on its gateway. It records how
 * each message arrived and waits for lines of the server's log.
 */

import { LOGLEVEL_INFO, Log } from '#src/base/log.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { defaultParams } from '#src/netdev/driver.ts'
import { Net } from '#src/netdev/net.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { registerNetdev, unregisterNetdev } from '#src/netdev/register.ts'
import { type Lan, lanDriver } from '#support/lan-driver.ts'
import type { Netns, OwnNetns } from '#support/netns.ts'
import type { UdpHandler, UdpMessage } from '../../src/machines/host.ts'
import type { DhcpSpec } from '../../src/services/dhcp/config.ts'
import { dhcpConfig } from '../../src/services/dhcp/config.ts'
import type { Lease } from '../../src/services/dhcp/lease.ts'
import { DhcpServer } from '../../src/services/dhcp/server.ts'
import { clientBudget, dhcpLimit, serveDhcp } from '../../src/services/gateway.ts'
import { leasesFile } from '../../src/services/leases-file.ts'

const SPEC: DhcpSpec = {
  server: '198.18.0.1',
  network: '198.18.0.0/24',
  ranges: ['198.18.0.100-198.18.0.110'],
}

export class DhcpGateway {
  lines: string[] = []
  /** How each message to port 67 arrived. */
  readonly came: ('unicast' | 'broadcast')[] = []
  /** Ignores unicast messages. */
  deaf = false
  #network: Lan | undefined
  #server: DhcpServer | undefined
  #answer: UdpHandler = () => {}
  #wake = (): void => {}
  #saved: Promise<void> | undefined
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
  readonly #platform: LinuxPlatform
  readonly #dev: NetDevice

  /** @param leases path of the lease file */
  constructor(own: OwnNetns, home: Netns, leases: string) {
    const native = own.at(home)
    this.#leases = leases
    this.#platform = new LinuxPlatform(native)
    this.#clock = new TimerfdClock(native)
    const log = new Log(LOGLEVEL_INFO, () => {})
    const net = new Net({ platform: this.#platform, clock: this.#clock, log })
    const params = { ...defaultParams(this.#driver.params), negotiation: 0 }
    const [spec] = this.#driver.init(params, { args: ['eth9'], names: [], net, txqs: 1, rxqs: 1 })
    this.#dev = (spec as { dev: NetDevice }).dev
  }

  /** Registers eth9. */
  async open(): Promise<void> {
    await registerNetdev(this.#dev, this.#net.net)
  }

  /** Settles when no lease is written: the next test has a file with the same name. */
  async close(): Promise<void> {
    await unregisterNetdev(this.#dev)
    await this.#driver.exit?.()
    for (let last: unknown; last !== this.#saved; ) {
      last = this.#saved
      await this.#saved?.catch(() => {})
    }
    await this.#clock.close()
    await this.#platform.close()
  }

  /** Replaces the server with one that has the same leases. */
  serve(more: Partial<DhcpSpec> = {}): void {
    this.lines = []
    this.#read = 0
    const log = new Log(LOGLEVEL_INFO, (_, text) => {
      this.lines.push(text)
      this.#wake()
    })
    const { clock } = this.#net.net
    const config = dhcpConfig({ ...SPEC, ...more })
    const file = leasesFile(this.#leases)
    const save = (leases: Iterable<Lease>) => {
      this.#saved = Promise.resolve(file.save(leases))
      return this.#saved
    }
    const store = { load: () => file.load(), save }
    this.#server = new DhcpServer({ config, clock, wall: Date.now, store, log, name: 'eth9' })
    const { hosts, gateway } = this.#net
    hosts.handlers.limit(gateway.index, 67, dhcpLimit(clientBudget(clock)))
    this.#answer = serveDhcp(hosts, this.#server)
  }

  get server(): DhcpServer {
    return this.#server as DhcpServer
  }

  /** Adds a host with an address, unknown to the server. */
  take(ip: string): void {
    this.#net.hosts.add({ ip })
  }

  /** Waits for the next matching line after the line of the previous call. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      for (; this.#read < this.lines.length; this.#read++) {
        if (pattern.test(this.lines[this.#read] as string)) {
          return this.lines[this.#read++] as string
        }
      }
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
    if (broadcast || !this.deaf) {
      this.#answer(message, reply)
    }
  }
}
