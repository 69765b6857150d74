/** The name that a client gives itself: one label, as DNS may know it by. */
import { DHO_CLIENT_FQDN, DHO_HOST_NAME, type DhcpMessage } from '../../header/dhcp.ts'

/** In a client's full name (RFC 4702 sec. 2.1): the name is in the wire format of DNS. */
const FQDN_WIRE_FORMAT = 0x04
const FQDN_NAME = 3

/** The first label of a name, in lower case; undefined when it is not of letters, digits and hyphens within (RFC 1123 sec. 2.1). */
export function toHostname(name: string): string | undefined {
  const label = name.split('.', 1)[0] as string
  return /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label) ? label.toLowerCase() : undefined
}

/**
 * Names that programs look up by themselves, to be configured by what they find there: a client
 * that got one would have the others' traffic. Web proxies (wpad), IPv6 tunnels (isatap), and what
 * /etc/hosts has on every machine.
 */
const LOOKED_UP: readonly string[] = ['wpad', 'isatap', 'localhost', 'localdomain', 'ip6-localhost', 'ip6-loopback']

/** Whether a name, as toHostname() returns it, is one of those that no client may choose. */
export function isLookedUp(name: string): boolean {
  return LOOKED_UP.includes(name)
}

/** What a message says: its full name before its host name (RFC 4702 sec. 3.1). */
export function hostnameOf({ options }: DhcpMessage): string | undefined {
  const fqdn = options.get(DHO_CLIENT_FQDN)
  const full = fqdn === undefined || fqdn.length <= FQDN_NAME ? undefined : toHostname(fqdnText(fqdn))
  const name = options.get(DHO_HOST_NAME)
  return full ?? (name === undefined ? undefined : toHostname(ascii(name).replace(/\0+$/, '')))
}

function fqdnText(fqdn: Uint8Array): string {
  const name = fqdn.subarray(FQDN_NAME)
  return ((fqdn[0] as number) & FQDN_WIRE_FORMAT) === 0 ? ascii(name) : ascii(name.subarray(1, 1 + (name[0] as number)))
}

function ascii(octets: Uint8Array): string {
  return String.fromCharCode(...octets)
}
