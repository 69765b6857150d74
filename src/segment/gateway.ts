/** What the gateway of a segment does for its clients: handlers for its ports. */
import { DHCP_SERVER_PORT } from '../header/dhcp.ts'
import type { DhcpServer } from './dhcp/server.ts'
import type { UdpHandler } from './host.ts'
import type { Hosts } from './hosts.ts'

/** The handler of UDP port 67. An answer that cannot be sent is lost, as on the wire: its client asks again. */
export function serveDhcp(hosts: Hosts, server: DhcpServer): UdpHandler {
  return ({ data, source: { mac }, destination, host }) => {
    const broadcast = destination.address.every(octet => octet === 255)
    const reply = server.receive(data, { mac, broadcast })
    if (reply === undefined) return
    const { address, port } = reply
    hosts.sendUdp(host, { sourcePort: DHCP_SERVER_PORT, address, port, mac: reply.mac, data: reply.data })
  }
}
