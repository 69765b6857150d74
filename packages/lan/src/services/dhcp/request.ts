/** Reads the messages of DHCP clients: identity, requests, and the name that a client chose. */
import { arp } from 'vnet'
import { dhcp, formatHex, get32 } from 'vnet/kit/packet'

/** The identity of a client, which it states itself. */
export interface DhcpClient {
  /** Its client identifier, or its hardware address if it sends none (RFC 2131 sec. 4.2). */
  readonly key: string
  /** `02:00:00:00:00:01`, prefixed with the hardware type unless it is Ethernet: `20-80:00:...`. */
  readonly mac: string
  /** In hex, written like a MAC address. */
  readonly clientId: string | undefined
}

/** How a message arrived. */
export interface DhcpSender {
  /** Source MAC address of the frame. */
  readonly mac: Uint8Array
  /** Whether it was sent to 255.255.255.255: then a client with an address rebinds. */
  readonly broadcast?: boolean
}

/** Returns undefined unless the bytes are a well-formed message that a client could have sent. */
export function readDhcpMessage(
  bytes: Uint8Array,
): { message: dhcp.DhcpMessage; client: DhcpClient; type: number } | undefined {
  const message = dhcp.parse(bytes)
  if (message?.op !== dhcp.BOOTREQUEST || !isWellFormed(message)) return undefined
  const client = clientOf(message)
  return (
    client && { message, client, type: message.options.get(dhcp.DHO_MESSAGE_TYPE)?.[0] as number }
  )
}

/** Lengths of the fixed-length options that the server reads, in bytes. */
const LENGTHS = [
  [dhcp.DHO_MESSAGE_TYPE, 1],
  [dhcp.DHO_REQUESTED_ADDRESS, 4],
  [dhcp.DHO_LEASE_TIME, 4],
  [dhcp.DHO_SERVER_IDENTIFIER, 4],
  [dhcp.DHO_MAX_MESSAGE_SIZE, 2],
] as const

function isWellFormed({ options }: dhcp.DhcpMessage): boolean {
  const isLong = (options.get(dhcp.DHO_CLIENT_IDENTIFIER)?.length ?? 0) > 255
  const fits = LENGTHS.every(([code, length]) => (options.get(code)?.length ?? length) === length)
  return fits && !isLong && options.has(dhcp.DHO_MESSAGE_TYPE)
}

/** Returns undefined if the message has neither a hardware address nor an identifier. */
function clientOf({ htype, chaddr, options }: dhcp.DhcpMessage): DhcpClient | undefined {
  const identifier = options.get(dhcp.DHO_CLIENT_IDENTIFIER)
  const clientId =
    identifier === undefined || identifier.length === 0 ? undefined : formatHex(identifier)
  if (clientId === undefined && chaddr.length === 0) return undefined
  const hardware = htype === arp.ARPHRD_ETHER ? '' : `${htype}-`
  return asClient(`${hardware}${formatHex(chaddr)}`, clientId)
}

/** Returns the client with this MAC address and client identifier, in the form of DhcpClient. */
export const asClient = (mac: string, clientId: string | undefined): DhcpClient => ({
  key: clientId === undefined ? `mac ${mac}` : `id ${clientId}`,
  mac,
  clientId,
})

/** Reads an option of 4 bytes as an unsigned number. */
export function numberIn({ options }: dhcp.DhcpMessage, code: number): number | undefined {
  const value = options.get(code)
  return value === undefined ? undefined : get32(value, 0)
}

/** Flag of the client FQDN option (RFC 4702 sec. 2.1): the name is in DNS wire format. */
const FQDN_WIRE_FORMAT = 0x04
/** Position of the name in that option. */
const FQDN_NAME = 3

/** The name that a client chose: its full name, else its host name (RFC 4702 sec. 3.1). */
export function hostnameOf({ options }: dhcp.DhcpMessage): string | undefined {
  const fqdn = options.get(dhcp.DHO_CLIENT_FQDN)
  const full =
    fqdn === undefined || fqdn.length <= FQDN_NAME ? undefined : toHostname(fqdnText(fqdn))
  const name = options.get(dhcp.DHO_HOST_NAME)
  return full ?? (name === undefined ? undefined : toHostname(ascii(name).replace(/\0+$/, '')))
}

/** The first label in lower case, if of letters, digits, inner hyphens (RFC 1123 sec. 2.1). */
function toHostname(name: string): string | undefined {
  const label = name.split('.', 1)[0] as string
  return /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)
    ? label.toLowerCase()
    : undefined
}

/**
 * Names that programs look up on their own to configure proxies, tunnels, mail, keys or telephony,
 * and the entries of every /etc/hosts. A client with such a name would attract others' traffic.
 */
const WELL_KNOWN: readonly string[] = [
  'wpad isatap teredo autodiscover autoconfig mta-sts openpgpkey lyncdiscover lyncdiscoverinternal',
  'localhost localdomain broadcasthost',
  'ip6-localhost ip6-loopback ip6-localnet ip6-mcastprefix ip6-allnodes ip6-allrouters',
].flatMap(names => names.split(' '))

/** Whether `name`, a result of toHostname(), is one of them. No client may choose it. */
export const isWellKnown = (name: string): boolean => WELL_KNOWN.includes(name)

function fqdnText(fqdn: Uint8Array): string {
  const name = fqdn.subarray(FQDN_NAME)
  return ((fqdn[0] as number) & FQDN_WIRE_FORMAT) === 0
    ? ascii(name)
    : ascii(name.subarray(1, 1 + (name[0] as number)))
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
