/** The gateway as a DHCP server: its UDP port 67, and its ARP for addresses to be offered. */
import { type Clock, ETH_ALEN, formatMac } from 'vnet'
import { dhcp, ipv4Bytes } from 'vnet/kit/packet'
import { Budget } from '../machines/budget.ts'
import type { SegmentHost, UdpHandler } from '../machines/host.ts'
import type { Hosts } from '../machines/hosts.ts'
import type { UdpLimit } from '../machines/state.ts'
import type { Neighbours } from './dhcp/offer.ts'
import type { DhcpServer } from './dhcp/server.ts'

/** Requests of one client and of all clients. A client that gets an address sends two. */
const EACH = { perSecond: 10, burst: 20 }
const ALL = { perSecond: 1000, burst: 1000 }

/** Positions in a DHCP message; chaddr is the client's MAC address even through a relay. */
const HLEN = 2
const CHADDR = 28

/** Limits the DHCP requests of clients; another one limits DHCPv6 and router solicitations. */
export const clientBudget = (clock: Clock): Budget => new Budget(clock, EACH, ALL)

/** Limits a handler by the hardware addresses that send to it. */
export const macLimit =
  (budget: Budget): UdpLimit =>
  (bytes, mac) =>
    budget.take(bytes, mac)

/** Limits UDP port 67 by the clients that the messages name, even through a relay. */
export const dhcpLimit =
  (budget: Budget): UdpLimit =>
  (bytes, mac, data, end) => {
    const hasChaddr = end - data >= CHADDR + ETH_ALEN && bytes[data + HLEN] === ETH_ALEN
    return budget.take(bytes, hasChaddr ? data + CHADDR : mac)
  }

/** Handles UDP port 67. Drops a reply that it cannot send: the client repeats its request. */
export function serveDhcp(hosts: Hosts, server: DhcpServer): UdpHandler {
  return ({ data, source: { mac }, destination, host }) => {
    const broadcast = destination.address.every(byte => byte === 255)
    server.receive(data, { mac, broadcast }, ({ address, port, mac: clientMac, data: answer }) => {
      hosts.sendUdp(host, {
        sourcePort: dhcp.DHCP_SERVER_PORT,
        address,
        port,
        mac: clientMac,
        data: answer,
      })
    })
  }
}

/** The neighbours that the gateway of a network, which a reload may replace, finds by ARP. */
export function arpNeighbours(network: () => { hosts: Hosts; gateway: SegmentHost }): Neighbours {
  return {
    macOf(address) {
      const { neighbours4 } = network().hosts
      const at = neighbours4.find(ipv4Bytes(address), 0)
      return at < 0 ? undefined : formatMac(neighbours4.macs, at)
    },
    request(address) {
      const { hosts, gateway } = network()
      hosts.neighbours4.forget(ipv4Bytes(address), 0)
      hosts.sendArpRequest(gateway, address)
    },
  }
}
