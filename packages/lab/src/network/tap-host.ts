/** TapHost: a host in TypeScript on a TAP of this machine, in real time. */
import { devValidName, formatPrefix, parsePrefix, UsageError } from 'vnet'
import { networkOf, plus, sameBytes, toPrefix } from 'vnet/kit/packet'
import { TapWorld } from '../kernel/tap-world.ts'
import { LabCaptures } from '../model/captures.ts'
import { HostsFile, withoutPrefix } from '../model/hosts.ts'
import { ANY, checkForms, type Form, type Forms, LIST, WHOLE_NUMBER } from '../model/options.ts'
import { addressesOf } from '../model/subnet.ts'
import type { LabRoute } from '../world/host-stack.ts'
import { LINK_OPTIONS } from '../world/wire-spec.ts'
import type { TapHostOptions } from './create-tap-host.ts'
import { LabHost } from './host.ts'
import type { LabLink } from './link.ts'
import { Links } from './links.ts'

const { wire: wireOption, mtu: mtuOption } = LINK_OPTIONS
const INTERFACE: Form = {
  accepts: value => typeof value === 'string' && devValidName(value),
  text: 'a name of 1 to 15 bytes without / or : or white space, with at most one %d',
}
const OPTIONS: Forms<TapHostOptions> = {
  ...{
    interface: INTERFACE,
    addresses: LIST,
    netns: ANY,
    wire: wireOption,
    mtu: mtuOption,
    seed: WHOLE_NUMBER,
  },
}

/** The name of the machine on the host, and of the host's interface. */
const MACHINE = 'machine'

/**
 * A host on a TAP of this machine, as tapHost returns it. It owns the TAP and the link with the
 * machine, and removes both when it is closed.
 */
export class TapHost extends LabHost implements AsyncDisposable {
  /** The link with the machine. Its direction `ab` leads from the machine to the host. */
  link!: LabLink
  /** The addresses of the machine's end, without prefixes. */
  readonly machine!: readonly string[]
  /** Settles when the TAP is deleted, also by `close`. */
  readonly gone!: Promise<void>
  #end = async (): Promise<void> => {}
  #ended: Promise<void> | undefined

  /** @internal Same as tapHost. */
  static async open(options: TapHostOptions): Promise<TapHost> {
    checkForms('tapHost', options, OPTIONS)
    const { interface: pattern = 'host%d', netns, wire = '', mtu, seed = 1 } = options
    const { addresses = addressesOf(1, 2, mtu) } = options
    if (addresses.length === 0) {
      throw new UsageError('tapHost: addresses: name one, such as 198.18.0.2/24')
    }
    const machines = [...new Set(addresses.map(each => machineFor(each, addresses)))]
    const world = new TapWorld(netns)
    let host: TapHost | undefined
    try {
      const name = world.allocName(pattern)
      world.refuseConflicts(name, machines)
      const captures = new LabCaptures(world, 'tap')
      const hosts: LabHost[] = []
      const links = new Links(
        { name: 'tap', seed, world, hostsFile: new HostsFile(world), captures, setup: {}, hosts },
        [],
      )
      host = new TapHost(name, links)
      const machine = new LabHost(MACHINE, links)
      host.#end = () =>
        links
          .close()
          .then(() => machine.close())
          .finally(() => world.close())
      hosts.push(machine, host)
      links.lab.hostsFile.add(machine, host)
      Object.assign(host, { gone: world.gone, machine: machines.map(withoutPrefix) })
      host.link = await links.cable(machine, host, {
        wire,
        addresses: [machines, addresses],
        ...(mtu && { mtu }),
      })
      host.stack.setRoutes(machines.map(defaultRoute))
      return host
    } catch (error) {
      await (host ?? world).close()
      throw error
    }
  }

  /** Closes its servers and sockets, and removes the TAP. Idempotent. */
  override close(): Promise<void> {
    this.#ended ??= super.close().finally(this.#end)
    return this.#ended
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()
}

/** Returns the first address of an address's network that is not among `all`, with the prefix. */
function machineFor(address: string, all: readonly string[]): string {
  const prefix = parsePrefix(address)
  const bits = prefix === undefined ? 0 : prefix.bytes.length * 8 - prefix.prefixLen
  if (prefix === undefined || bits === 0) {
    throw new UsageError(
      `address ${address}: write it with the prefix of a network, as 198.18.0.2/24`,
    )
  }
  const network = networkOf(prefix)
  // In a network of two addresses, the first one is an address of a host, too (RFC 3021, RFC 6164).
  let bytes = plus(network, bits === 1 ? 0 : 1)
  while (all.some(each => sameBytes(toPrefix(each).bytes, bytes))) {
    bytes = plus(bytes, 1)
  }
  return formatPrefix({ ...prefix, bytes })
}

function defaultRoute(cidr: string): LabRoute {
  const address = toPrefix(cidr).bytes
  const prefix = { bytes: new Uint8Array(address.length), prefixLen: 0 }
  return {
    network: { prefix, text: 'default' },
    via: { address, text: cidr },
    link: 1,
    dev: MACHINE,
  }
}
