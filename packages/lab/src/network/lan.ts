/**
 * LabLan: a segment of `vnet lan` in a lab, with its gateway, simulated hosts, DHCP, DNS and router
 * advertisements. Hosts are ports of it.
 */
import type { LanFile } from '@vnet/lan/kit'
import { formatAddress, type Prefix, parsePrefix, UsageError } from 'vnet'
import { networkOf, plus } from 'vnet/kit/packet'
import { withoutPrefix } from '../model/hosts.ts'
import { anyOf, FLAG, type Forms, IPV6_MIN_MTU } from '../model/index.ts'
import { type LabLinkOptions, LINK_OPTIONS, type WireSpec } from '../world/wire-spec.ts'
import { type LabHost, nameOf } from './host.ts'
import type { LabLink } from './link.ts'

/** The description of the segment, as in a file of `vnet lan` (packages/lan/docs/lan-config.md). */
export interface LabLanOptions extends Omit<LanFile, '$schema'>, LabLinkOptions {
  /** Impairments of each port. In `{ ab, ba }`, ab leads to the segment. */
  readonly wire?: WireSpec
  /**
   * False leaves the ports without addresses, for a DHCP client. By default they have the 201st and
   * the following addresses of the network, which the DHCP server does not assign.
   */
  readonly addresses?: boolean
}

/** The segment checks its description itself. */
export const LAN_OPTIONS: Forms<LabLanOptions> = {
  ...LINK_OPTIONS,
  addresses: FLAG,
  ...anyOf('network', 'network6', 'gateway', 'hosts', 'dhcp', 'dns', 'ra'),
}

/** The first address of a port, above the addresses of the DHCP server. */
const FIRST_HOST = 201
const MAX_PORTS = 4094

/**
 * A segment that hosts of a lab are joined to, as `lab.lan` returns it. Closing it closes the links
 * of its ports; the lab closes it otherwise.
 */
export class LabLan implements AsyncDisposable {
  /** The address of the gateway, which serves DHCP and DNS. */
  readonly gateway: string
  readonly network: string
  /** Undefined without IPv6. */
  readonly network6: string | undefined
  readonly #ports: ReadonlyMap<LabHost, LabLink>
  readonly #onClose: () => Promise<void>
  #closed: Promise<void> | undefined

  /** @internal `onClose` is called when the ports are closed. */
  constructor(
    { gateway, network, network6 }: ReturnType<typeof planLan>,
    ports: ReadonlyMap<LabHost, LabLink>,
    onClose: () => Promise<void>,
  ) {
    this.gateway = gateway
    this.network = network
    this.network6 = network6 === false ? undefined : network6
    this.#ports = ports
    this.#onClose = onClose
  }

  /** Returns the link of a host to the segment: `ab` leads to the segment. */
  portOf(host: LabHost): LabLink {
    const port = this.#ports.get(host)
    if (port === undefined) throw new UsageError(`${nameOf(host)} is not a port of this lan`)
    return port
  }

  /** Deletes the ports, and ends the segment. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #close(): Promise<void> {
    await Promise.all([...this.#ports.values()].map(port => port.close()))
    await this.#onClose()
  }
}

/**
 * Plans the segment with the number `link` and ports of these names, which its DNS server knows.
 * Throws a UsageError for options that leave no room for the ports.
 */
export function planLan(link: number, names: readonly string[], options: LabLanOptions) {
  const {
    wire: _wire,
    capture: _capture,
    mtu = IPV6_MIN_MTU,
    addresses: hasAddresses = true,
    ...file
  } = options
  if (names.length > MAX_PORTS) {
    throw new UsageError(`lan: ${names.length} ports: a lan has at most ${MAX_PORTS}`)
  }
  const { network = `198.${18 + (link >> 8)}.${link & 0xff}.0/24`, dns = {} } = file
  const network6 = file.network6 ?? (mtu >= IPV6_MIN_MTU && `2001:db8:0:${link.toString(16)}::/64`)
  const networks = network6 === false ? [network] : [network, network6]
  if (hasAddresses) {
    for (const text of networks) {
      checkRoom(text, names.length)
    }
  }
  const addresses = names.map((_, i) =>
    hasAddresses ? networks.map(text => addressOf(text, FIRST_HOST + i)) : [],
  )
  const records = Object.fromEntries(
    names.map((name, i) => [name, (addresses[i] ?? []).map(withoutPrefix)]),
  )
  const known =
    hasAddresses && dns !== false ? { ...dns, records: { ...records, ...dns.records } } : dns
  const gateway = file.gateway?.ip ?? withoutPrefix(addressOf(network, 1))
  return { network, network6, gateway, addresses, file: { ...file, network, network6, dns: known } }
}

/** Throws a UsageError if a network has fewer addresses from FIRST_HOST on than there are ports. */
function checkRoom(network: string, ports: number): void {
  const { bytes, prefixLen } = prefixOf(network)
  // IPv4 has a broadcast address.
  const last = 2 ** (8 * bytes.length - prefixLen) - (bytes.length === 4 ? 2 : 1)
  const room = Math.max(0, last - FIRST_HOST + 1)
  if (ports <= room) return
  const remedy = 'take a larger network, or give `addresses: false`'
  throw new UsageError(
    `lan: ${network} has addresses for ${room} ports, not for ${ports}: ${remedy}`,
  )
}

function addressOf(network: string, host: number): string {
  const prefix = prefixOf(network)
  return `${formatAddress(plus(networkOf(prefix), host))}/${prefix.prefixLen}`
}

function prefixOf(network: string): Prefix {
  const prefix = parsePrefix(network)
  if (prefix === undefined) {
    throw new UsageError(`lan: '${network}' is not a network such as 198.18.0.0/24`)
  }
  return prefix
}
