/**
 * `lan`: Ethernet ports that look like real ones, with a network behind them: hosts, DHCP, DNS, router advertisements. The ports are
 * drivers/lan.ts, the network is backbone.ts; here is how they are asked for.
 */
import {
  bool,
  type Driver,
  type DriverContext,
  defineDriver,
  FileError,
  int,
  interfaceArg,
  type ParamValues,
  text,
  UsageError,
} from '../core/driver.ts'
import { EINVAL, isErrno, VnetError } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import { lanPortArgs, lanPorts, type PortAddress, portParams } from '../drivers/lan.ts'
import { isStationAddress } from '../header/ethernet.ts'
import { loadNative } from '../kernel/native.ts'
import { CAP_SYS_ADMIN } from '../kernel/uapi.ts'
import type { LeaseStore } from '../segment/dhcp/lease.ts'
import { macOf } from '../segment/host-table.ts'
import { DEFAULT_NETWORK, DEFAULT_NETWORK6 } from '../segment/network.ts'
import { Segment } from '../segment/segment.ts'
import { Backbone, type Start } from './backbone.ts'
import { loadLanConfig, toLanConfig } from './config.ts'
import type { LanConfig } from './config-defaults.ts'
import type { LanHost } from './host.ts'
import { STATE_DIRECTORY, usualLeases } from './lease-store.ts'
import { leasesFile } from './leases-file.ts'
import { openUplink } from './open-uplink.ts'
import { portAddress } from './port-address.ts'
import { PrimaryRoute } from './primary-route.ts'
import type { LanFile } from './schema.ts'
import type { Uplink } from './uplink.ts'

/** As in a configuration file, but for the hosts, which may have code of their own. */
export interface LanOptions extends Omit<LanFile, 'hosts' | '$schema'> {
  readonly hosts?: readonly LanHost[] | undefined
  /** For hosts that speak first. */
  readonly start?: Start | undefined
}

const params = {
  ...portParams,
  hosts: int({ default: 0, max: 1_000_000, description: 'simulated hosts besides the gateway: host1, host2 ...' }),
  network: text({ default: undefined, description: `IPv4 network of the segment (default ${DEFAULT_NETWORK})` }),
  network6: text({ default: undefined, description: `IPv6 network (default ${DEFAULT_NETWORK6}), or none` }),
  oui: text<Uint8Array | undefined>({
    default: undefined,
    description: 'first three octets of hardware addresses, as 02:00:5e',
    parse(value) {
      const octets = /^[0-9a-f]{2}(:[0-9a-f]{2}){2}$/i.test(value) ? macOf(`${value}:00:00:01`) : undefined
      if (octets !== undefined && isStationAddress(octets, 0)) return octets.subarray(0, 3)
      throw new UsageError(`'${value}' is not three octets as 02:00:5e, the first one even`)
    },
    format: octets =>
      Buffer.from(octets ?? [])
        .toString('hex')
        .replace(/..(?=.)/g, '$&:'),
  }),
  defaultRoute: bool({
    default: false,
    description: 'a default route by the gateway, before all others (IPv6 has one by router advertisements)',
  }),
  uplink: text({
    default: undefined,
    description:
      '[NETNS/]IF: joins that interface to the segment; where NETNS has none of the name, one more port is made there',
  }),
  serve: bool({
    default: false,
    description: 'DHCP, router advertisements, echo and the like also by an uplink that has an address of its own',
  }),
  config: text({ default: undefined, description: 'what is on the segment, in YAML or JSON; SIGHUP reads it again' }),
  leases: text({
    default: undefined,
    description: `file of the DHCP leases (default ${STATE_DIRECTORY}/IF.leases; in other network namespaces none)`,
  }),
}

type LanParams = typeof params

/**
 * A driver whose network is as `options` say, and its parameters: `export const driver = lan({ hosts: [host({ ... })] })`. One at a time
 * runs. What is wrong with the options is a UsageError of its `init`.
 */
export function lan(options: LanOptions = {}): Driver<LanParams> {
  const { hosts = [], start, ...file } = options
  let backbone: Backbone | undefined
  let uplink: Uplink | undefined
  let reload: (() => void) | undefined
  const setupOf = (values: ParamValues<LanParams>) => ({
    ...{ hosts, count: values.hosts, oui: values.oui },
    config: configOf(file, values, values.serve || (uplink?.addresses.length ?? 0) === 0),
  })
  return defineDriver({
    name: 'lan',
    description: 'Ethernet ports on a network of their own: gateway, hosts, DHCP, DNS',
    args: '[[NETNS/]IF ...]',
    params,
    init(values, context) {
      const { net } = context
      const { config, leases } = values
      const native = loadNative()
      const segment = new Segment({ clock: net.clock })
      const joined = joinedBy(values.uplink, context, text => openUplink(native, net, text))
      uplink = joined.uplink
      try {
        const ports = lanPorts(values, { ...context, args: joined.ports }, segment, portAddresses(values.oui))
        const setup = setupOf(values)
        const [{ dev, netns = context.netns }] = ports
        const name = net.host.allocName(dev.name, netns)
        const store = leases === undefined ? usualLeases(name, netns, net.log) : leasesFile(leases)
        if (setup.config.dhcp !== undefined) checkLeases(store)
        const made = told(config, () => new Backbone({ net, native, segment, store, name, start }, setup))
        backbone = made
        const gateway = () => made.population.gateway.ip[0]!
        const route = values.defaultRoute ? new PrimaryRoute(net, primary(ports), gateway()) : undefined
        const again = () => {
          const setup = setupOf(values)
          told(config, () => made.reload(setup))
          if (route !== undefined) route.gateway = gateway()
        }
        reload = config === undefined ? undefined : again
        if (!setup.config.services) net.log.warn(quietLine(uplink?.addresses ?? []))
        uplink?.join(segment)
        return ports
      } catch (error) {
        uplink?.close()
        throw error
      }
    },
    get reload() {
      return reload
    },
    // A configuration that is read again may have TCP ports that are not open yet, in the namespace
    // of the hosts' sockets.
    async capabilities() {
      await backbone?.opened
      return reload === undefined ? [] : [CAP_SYS_ADMIN]
    },
    segment: kinds => backbone?.entries(kinds) ?? [],
    async exit() {
      uplink?.close()
      await backbone?.[Symbol.asyncDispose]()
    },
  })
}

export const driver = lan()

/** Each port has the address of its name; of namesakes, in several namespaces, the first alone. */
function portAddresses(oui: Uint8Array | undefined): PortAddress {
  const given = new Set<string>()
  return (name, netns) => {
    const key = given.has(name) ? `${netns}/${name}` : name
    given.add(name)
    return portAddress(key, oui)
  }
}

/** What there is to be, by the options, the file that a parameter names, or the parameters. */
function configOf(
  file: LanFile,
  { config, network, network6, uplink }: ParamValues<LanParams>,
  serves: boolean,
): LanConfig {
  const defaults = { authoritative: uplink === undefined, serves }
  if (config === undefined) {
    const asked = { ...(network && { network }), ...(network6 && { network6: network6 === 'none' ? false : network6 }) }
    return toLanConfig({ ...file, ...asked } as LanFile, defaults)
  }
  if ((network ?? network6) !== undefined)
    throw new UsageError('--config says what the network is: leave --network and --network6 away')
  const [key] = Object.keys(file)
  if (key !== undefined)
    throw new UsageError(`the driver file has ${key}, which --config is to say: leave one of the two away`)
  return loadLanConfig(config, defaults)
}

function quietLine(addresses: readonly string[]): string {
  const off = 'DHCP, router advertisements and services of hosts are off'
  return `the uplink has an address, ${addresses.join(' ')}: ${off} unless --config has them, or --serve is given`
}

/** The uplink, opened if it is there, and all ports that are to be made. */
function joinedBy(
  text: string | undefined,
  context: DriverContext,
  open: (text: string) => Uplink | undefined,
): { uplink: Uplink | undefined; ports: readonly string[] } {
  const ports = lanPortArgs(context)
  if (text === undefined) return { uplink: undefined, ports }
  const asked = interfaceArg(text)
  if (ports.map(interfaceArg).some(({ name, netns }) => name === asked.name && netns === asked.netns)) {
    throw new UsageError(`--uplink ${text} is the segment's own port: name another interface`)
  }
  const uplink = open(text)
  return { uplink, ports: uplink === undefined ? [...ports, text] : ports }
}

/** The first port of each namespace. */
function primary(ports: ReturnType<typeof lanPorts>): NetDevice[] {
  const first = ports.filter(({ netns }, i) => ports.findIndex(port => port.netns === netns) === i)
  return first.map(({ dev }) => dev as NetDevice)
}

/** VnetError when leases cannot be read, FileError when they are none. */
function checkLeases(store: LeaseStore): void {
  try {
    store.load()
  } catch (error) {
    throw isErrno(error, EINVAL) ? new FileError(error.message) : error
  }
}

/** What of a setup cannot be is the user's to mend: in the file, if there is one. */
function told<T>(file: string | undefined, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    throw file === undefined ? new UsageError(error.message) : new FileError(`${file}: ${error.message}`)
  }
}
