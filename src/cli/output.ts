/** The output of a run: lines for people, or one JSON object a line for programs. */
import { LOGLEVEL_WARNING, printable } from '../base/index.ts'
import { flipAddress } from '../drivers/flip/address.ts'
import {
  NETIF_F_GRO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_TSO,
  NETIF_F_TSO6,
} from '../netdev/if.ts'
import type { Driver, NetDevice } from '../netdev/index.ts'
import { formatAddress, formatMac, isInPrefix, parsePrefix } from '../packet/address.ts'
import type { Plan } from './plan.ts'
import { type Io, logLine } from './process/io.ts'
import {
  type DeviceStatistics,
  stageLines,
  statisticsTable,
  type WireStatistics,
} from './statistics.ts'

/** The output of a run, for people or as JSON. It writes through Io. */
export interface Output {
  /** Writes a log line; passed to Log. */
  readonly log: (level: number, text: string) => void
  /** Reports that the interfaces exist and are up. */
  ready(plans: readonly Plan[], driver: Driver): void
  /** `wires` are the stages of the wires; undefined if no device can have one. */
  statistics(devices: readonly DeviceStatistics[], wires?: readonly WireStatistics[]): void
}

/** `enter` is the command that enters, from another terminal, the namespaces of a rootless vnet. */
export function textOutput(io: Io, quiet: boolean, enter?: string): Output {
  return {
    log: (level, text) => log(io, false, level, text),
    ready(plans, driver) {
      if (!quiet) {
        // Whoever runs vnet without a word may not know yet what it is.
        if (io.commandLine === 'vnet') {
          const names = plans.map(({ dev }) => dev.name).join(', ')
          io.out(`made ${names} with the driver ${driver.name}; other commands: vnet --help\n`)
        }
        for (const plan of plans) {
          io.out(`${interfaceLine(plan)}\n`)
        }
        if (enter !== undefined) {
          io.out(`no root: in another terminal, first: ${enter}\n`)
        }
        for (const hint of hints(plans, driver, enter === undefined)) {
          io.out(`try: ${hint}\n`)
        }
      }
      io.out('ready\n')
    },
    statistics(devices, wires = []) {
      if (quiet) return
      const stages = stageLines(wires).map(line => `${printable(line)}\n`)
      io.out(statisticsTable(devices) + stages.join(''))
    },
  }
}

export function jsonOutput(io: Io, quiet: boolean, enter?: string): Output {
  const line = (object: object): void => io.out(`${JSON.stringify(object)}\n`)
  return {
    log: (level, text) => log(io, true, level, text),
    ready(plans) {
      const interfaces = plans.map(({ dev, netns, addresses }) => ({
        name: dev.name,
        ifindex: dev.ifindex,
        mac: formatMac(dev.devAddr),
        netns: netns ?? null,
        mtu: dev.mtu,
        txqs: dev.numTxQueues,
        rxqs: dev.numRxQueues,
        addresses,
        offloads: offloads(dev),
      }))
      line({ event: 'ready', interfaces, ...(enter !== undefined && { enter }) })
    },
    statistics(devices, wires) {
      const interfaces = devices.map(each => ({
        ...each,
        netns: each.netns ?? null,
        kernel: each.kernel ?? null,
      }))
      if (!quiet) {
        line({ event: 'statistics', interfaces, wires })
      }
    },
  }
}

function log(io: Io, json: boolean, level: number, text: string): void {
  const to = json ? 'out' : 'err'
  const line = logLine(json, level, text)
  const lost = (lines: number) => `${lines} log lines were lost: they were not read in time`
  if (io.logLine !== undefined) {
    io.logLine(to, line, lines => logLine(json, LOGLEVEL_WARNING, lost(lines)))
  } else {
    io[to](line)
  }
}

/** Returns `vnet0: 4 tx 2 rx queues, mtu 1500, 02:00:00:00:00:01, 198.18.0.1/24, offloads csum` */
function interfaceLine({ dev, netns, addresses }: Plan): string {
  const parts = [
    `${dev.numTxQueues} tx ${dev.numRxQueues} rx queues`,
    `mtu ${dev.mtu}`,
    formatMac(dev.devAddr),
    ...(netns === undefined ? [] : [`netns ${netns}`]),
    addresses.length === 0 ? 'no addresses' : addresses.join(' '),
    `offloads ${offloads(dev).join(' ') || 'off'}`,
  ]
  return `${dev.name}: ${parts.join(', ')}`
}

function offloads({ features }: NetDevice): string[] {
  const names: [mask: number, name: string][] = [
    [NETIF_F_HW_CSUM, 'csum'],
    [NETIF_F_TSO, 'tso4'],
    [NETIF_F_TSO6, 'tso6'],
    [NETIF_F_GSO_UDP_L4, 'uso'],
    [NETIF_F_GRO, 'gro'],
  ]
  return names.filter(([mask]) => (features & mask) !== 0).map(([, name]) => name)
}

/**
 * Returns commands that show the interfaces at work: a ping of each far end within one of the
 * networks, and a capture. tcpdump does not run in an ordinary user's namespace: it switches to
 * another user, which does not exist there.
 */
function hints(plans: readonly Plan[], { flips, attaches }: Driver, tcpdump: boolean): string[] {
  const all = plans.flatMap(plan =>
    plan.addresses.map(text => ({ cidr: parsePrefix(text), netns: plan.netns })),
  )
  const found: string[] = []
  for (const { cidr } of all) {
    if (cidr === undefined || !flips) continue
    const far = flipAddress(cidr.bytes)
    const near = all.find(other => other.cidr !== undefined && isInPrefix(far, other.cidr))
    if (near !== undefined) {
      found.push(inNetns(near.netns, `ping ${formatAddress(far)}`))
    }
  }
  const last = plans.at(-1)
  // There tcpdump shows received frames twice: before the wire and after it.
  if (attaches) return plans.map(({ dev }) => `vnet wire ${dev.name}`)
  return last === undefined || !tcpdump
    ? found
    : [...found, inNetns(last.netns, `tcpdump -ni ${last.dev.name}`)]
}

function inNetns(netns: string | undefined, command: string): string {
  if (netns === undefined) return command
  return netns.includes('/')
    ? `nsenter --net=${netns} ${command}`
    : `ip netns exec ${netns} ${command}`
}
