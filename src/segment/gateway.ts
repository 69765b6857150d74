/** What the gateway of a segment does for its clients: handlers for its ports. */
import type { Clock } from '../core/clock.ts'
import { DHCP_SERVER_PORT } from '../header/dhcp.ts'
import { ETH_ALEN } from '../header/ethernet.ts'
import { Budget } from './budget.ts'
import type { DhcpServer } from './dhcp/server.ts'
import type { UdpHandler } from './host.ts'
import type { Hosts } from './hosts.ts'

/** A client that gets an address sends two messages. */
const EACH = { perSecond: 10, burst: 20 }
const ALL = { perSecond: 1000, burst: 1000 }

/** Of a message, which has the client's hardware address (chaddr), also behind a relay. */
const HLEN = 2
const CHADDR = 28

/** What clients of the gateway may ask of it: DHCP, or DHCPv6 and router advertisements. */
export function clientBudget(clock: Clock): Budget {
  return new Budget(clock, EACH, ALL)
}

/** The handler of UDP port 67. An answer that cannot be sent is lost, as on the wire: its client asks again. */
export function serveDhcp(hosts: Hosts, server: DhcpServer, budget = clientBudget(hosts.env.clock)): UdpHandler {
  return ({ data, source: { mac }, destination, host }) => {
    const hasChaddr = data.length >= CHADDR + ETH_ALEN && data[HLEN] === ETH_ALEN
    if (!(hasChaddr ? budget.take(data, CHADDR) : budget.take(mac))) {
      hosts.counters.refused++
      return
    }
    const broadcast = destination.address.every(octet => octet === 255)
    server.receive(data, { mac, broadcast }, ({ address, port, mac, data }) => {
      hosts.sendUdp(host, { sourcePort: DHCP_SERVER_PORT, address, port, mac, data })
    })
  }
}
