/** Who a DHCP message is from. */
import { ARPHRD_ETHER } from '../../header/arp.ts'
import { DHO_CLIENT_IDENTIFIER, type DhcpMessage } from '../../header/dhcp.ts'

export interface Client {
  /** What a lease is bound to: the identifier that the client gave, or its hardware address (RFC 2131 sec. 4.2). */
  readonly key: string
  /** `02:00:00:00:00:01`; with another kind of hardware than Ethernet, its number comes before: `20-80:00:...`. */
  readonly mac: string
  /** In hex, as a MAC address. */
  readonly clientId: string | undefined
}

/** The sender, or undefined when it gives neither a hardware address nor an identifier. */
export function clientOf({ htype, chaddr, options }: DhcpMessage): Client | undefined {
  const identifier = options.get(DHO_CLIENT_IDENTIFIER)
  const clientId = identifier === undefined || identifier.length === 0 ? undefined : hexOf(identifier)
  if (clientId === undefined && chaddr.length === 0) return undefined
  const hardware = htype === ARPHRD_ETHER ? '' : `${htype}-`
  return asClient(`${hardware}${hexOf(chaddr)}`, clientId)
}

/** The client that a lease names. */
export function asClient(mac: string, clientId: string | undefined): Client {
  return { key: clientId === undefined ? `mac ${mac}` : `id ${clientId}`, mac, clientId }
}

/** A MAC address as it is written here, in lower case; undefined for what is none. */
export function toMac(text: string): string | undefined {
  return /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text) ? text.toLowerCase() : undefined
}

/** A client identifier as it is written here. */
export function toClientId(text: string): string | undefined {
  return /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*$/.test(text) ? text.toLowerCase() : undefined
}

function hexOf(octets: Uint8Array): string {
  return Array.from(octets, octet => octet.toString(16).padStart(2, '0')).join(':')
}
