/**
 * The driver `lan`: Ethernet ports that look like a network card's (port/device.ts), and the
 * simulated network that they lead to (backbone.ts). This file has the parameters.
 */
import {
  bool,
  type Driver,
  type DriverContext,
  defineDriver,
  EINVAL,
  ethernet,
  explain,
  FileError,
  formatMac,
  int,
  interfaceArg,
  isErrno,
  type NetDevice,
  type ParamValues,
  parseMac,
  text,
  UsageError,
  VnetError,
} from 'vnet'
import { loadNative, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import type { Log } from 'vnet/net'
import { Backbone, type Start } from './backbone.ts'
import { loadLanConfig, toLanConfig } from './config/config.ts'
import type { LanConfig } from './config/defaults.ts'
import type { LanFile } from './config/schema.ts'
import { DEFAULT_NETWORK, DEFAULT_NETWORK6 } from './machines/network.ts'
import {
  keepPrimaryRoute,
  lanPortArgs,
  lanPorts,
  type PortAddress,
  portAddress,
  portParams,
} from './port/device.ts'
import type { LeaseStore } from './services/dhcp/lease.ts'
import { leasesFile, STATE_DIRECTORY, usualLeases } from './services/leases-file.ts'
import type { LanHost } from './services/tcp-handlers.ts'
import { Segment } from './switch/segment.ts'
import { openUplink, type Uplink } from './uplink/uplink.ts'

/** The contents of a configuration file, except that hosts may have handlers. */
export interface LanOptions extends Omit<LanFile, 'hosts' | '$schema'> {
  readonly hosts?: readonly LanHost[] | undefined
  /** Called when the network is set up, for hosts that send on their own. */
  readonly start?: Start | undefined
}

const params = {
  ...portParams,
  hosts: int({
    default: 0,
    max: 1_000_000,
    description: 'number of hosts besides the gateway: host1, host2 ...',
  }),
  network: text({
    default: undefined,
    description: `IPv4 network of the segment (default ${DEFAULT_NETWORK})`,
  }),
  network6: text({
    default: undefined,
    description: `IPv6 network (default ${DEFAULT_NETWORK6}), or none`,
  }),
  oui: text<Uint8Array | undefined>({
    default: undefined,
    description: 'first three bytes of MAC addresses, such as 02:00:5e',
    parse(value) {
      const bytes = parseMac(`${value}:00:00:01`)
      if (bytes !== undefined && ethernet.isStationAddress(bytes, 0)) return bytes.subarray(0, 3)
      throw new UsageError(`'${value}' is not three bytes such as 02:00:5e, the first one even`)
    },
    format: bytes => (bytes === undefined ? '' : formatMac(bytes)),
  }),
  defaultRoute: bool({
    default: false,
    description: 'add a preferred IPv4 default route through the gateway',
  }),
  uplink: text({
    default: undefined,
    names: 'interface',
    description: '[NETNS/]IF: join this interface to the segment, or create it as a port in NETNS',
  }),
  serve: bool({
    default: false,
    description: 'turn on DHCP and all services even if the uplink has an address',
  }),
  config: text({
    default: undefined,
    description: 'configuration file, YAML or JSON; SIGHUP reads it again',
  }),
  leases: text({
    default: undefined,
    description: `file for DHCP leases (default ${STATE_DIRECTORY}/IF.leases; none in other network namespaces)`,
  }),
}

type LanParams = typeof params

/**
 * `export const driver = lan({ hosts: [host({ ... })] })` creates a driver with this network.
 * It can run once at a time. Its `init` throws a UsageError for invalid options. Without a kernel
 * its hosts have no TCP.
 */
export function lan(options: LanOptions = {}, hasKernel = true): Driver<LanParams> {
  const { hosts = [], start, ...file } = options
  let backbone: Backbone | undefined
  let uplink: Uplink | undefined
  let reload: (() => void) | undefined
  const setupOf = (values: ParamValues<LanParams>) => ({
    hosts,
    count: values.hosts,
    oui: values.oui,
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
      const native = hasKernel ? loadNative() : undefined
      const segment = new Segment({ clock: net.clock })
      const planned = planPorts(native, values.uplink, context)
      uplink = planned.uplink
      try {
        const own = { ...context, args: planned.ports }
        const ports = lanPorts(values, own, segment, portAddresses(values.oui))
        const setup = setupOf(values)
        const [{ dev, netns = context.netns }] = ports
        const name = net.platform.allocName(dev.name, netns)
        const isUsed = setup.config.dhcp !== undefined
        const store = leaseStore(leases, { name, netns, log: net.log }, isUsed)
        const created = asConfigError(
          config,
          () => new Backbone({ net, native, segment, store, name, start }, setup),
        )
        backbone = created
        const gateway = () => created.population.gateway.ip[0]!
        const setRoute = values.defaultRoute
          ? keepPrimaryRoute(net, primary(ports), gateway())
          : undefined
        const again = () => {
          const changed = setupOf(values)
          asConfigError(config, () => created.reload(changed))
          setRoute?.(gateway())
        }
        reload = config === undefined ? undefined : again
        if (!setup.config.services) {
          net.log.warn(quietLine(uplink?.addresses ?? []))
        }
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
    // After a reload, TCP ports are opened in the network namespace of the hosts' sockets.
    async capabilities() {
      await backbone?.opened
      return reload === undefined ? [] : [uapi.CAP_SYS_ADMIN]
    },
    segment: kinds => backbone?.entries(kinds) ?? [],
    async exit() {
      uplink?.close()
      await backbone?.[Symbol.asyncDispose]()
    },
  })
}

/** Returns the store of leases in a file, or in the usual one of a gateway. Checks it if used. */
function leaseStore(
  file: string | undefined,
  {
    name,
    netns,
    log,
  }: { readonly name: string; readonly netns: string | undefined; readonly log: Log },
  isUsed: boolean,
): LeaseStore {
  const store = file === undefined ? usualLeases(name, netns, log) : leasesFile(file)
  if (isUsed) {
    checkLeases(store)
  }
  return store
}

export const driver = lan()

/** A port's MAC address is made from its name, and its namespace if another port has that name. */
function portAddresses(oui: Uint8Array | undefined): PortAddress {
  const given = new Set<string>()
  return (name, netns) => {
    const key = given.has(name) ? `${netns}/${name}` : name
    given.add(name)
    return portAddress(key, oui)
  }
}

/** Reads the file of --config; without it, takes the options and parameters. */
function configOf(
  file: LanFile,
  { config, network, network6, uplink }: ParamValues<LanParams>,
  serves: boolean,
): LanConfig {
  const defaults = { authoritative: uplink === undefined, serves }
  if (config === undefined) {
    const asked = {
      ...(network && { network }),
      ...(network6 && { network6: network6 === 'none' ? false : network6 }),
    }
    return toLanConfig({ ...file, ...asked } as LanFile, defaults)
  }
  if ((network ?? network6) !== undefined) {
    throw new UsageError('--config describes the network: remove --network and --network6')
  }
  const [key] = Object.keys(file)
  if (key !== undefined) {
    throw new UsageError(
      `the driver file sets ${key}, which --config describes: remove one of the two`,
    )
  }
  return loadLanConfig(config, defaults)
}

function quietLine(addresses: readonly string[]): string {
  const off = 'DHCP, router advertisements and services of hosts are off'
  return `the uplink has an address, ${addresses.join(' ')}: ${off} unless --config or --serve enables them`
}

/** Opens the uplink if its interface exists, and lists the ports to create. */
function planPorts(
  native: Native | undefined,
  uplinkText: string | undefined,
  context: DriverContext,
) {
  const ports = lanPortArgs(context)
  if (uplinkText === undefined || native === undefined) return { uplink: undefined, ports }
  const asked = interfaceArg(uplinkText)
  if (
    ports.map(interfaceArg).some(({ name, netns }) => name === asked.name && netns === asked.netns)
  ) {
    throw new UsageError(
      `--uplink ${uplinkText} is a port of the segment itself: name another interface`,
    )
  }
  const uplink = openUplink(native, context.net, uplinkText)
  return { uplink, ports: uplink === undefined ? [...ports, uplinkText] : ports }
}

/** Returns the first port in each namespace. */
function primary(ports: ReturnType<typeof lanPorts>): NetDevice[] {
  const first = ports.filter(({ netns }, i) => ports.findIndex(port => port.netns === netns) === i)
  return first.map(({ dev }) => dev as NetDevice)
}

/** Throws a VnetError if the leases cannot be read, a FileError if they are malformed. */
function checkLeases(store: LeaseStore): void {
  try {
    store.load()
  } catch (error) {
    throw isErrno(error, EINVAL) ? new FileError(explain(error)) : error
  }
}

/** Runs `fn`, and rethrows a VnetError as a FileError that names `file`, or as a UsageError. */
function asConfigError<T>(file: string | undefined, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
    throw file === undefined
      ? new UsageError(explain(error))
      : new FileError(`${file}: ${explain(error)}`)
  }
}
