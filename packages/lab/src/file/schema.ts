/**
 * The file of `vnet lab`, described once as JSON Schema: the topology of lab.topology, and the
 * programs, faults and scenario in it. The options of routers, cables, segments and faults are from
 * the tables that the lab checks them with. packages/lab/docs/lab.schema.json is made from it
 * (scripts/generate-schemas.mjs).
 */
import { type LanFile, lanSchema } from '@vnet/lan/kit'
import { schema } from 'vnet/kit/config'
import { scenarioOfSteps, stepKeys } from 'vnet/kit/wire'
import type { Direction, FaultWhen } from 'vnet/wire'
import type { LabFaultAction } from '../carrier/protocol.ts'
import { type Form, SIZE, schemaOf, WHOLE_NUMBER } from '../model/options.ts'
import { LAN_OPTIONS } from '../network/lan.ts'
import { ACTION, FILTER, WHEN } from '../network/link.ts'
import { CABLE_OPTIONS } from '../network/links.ts'
import { ROUTER_OPTIONS } from '../network/router.ts'
import type { CableEntry, LanEntry, RouterEntry } from '../network/topology.ts'

export const text = schema.string('text', { pattern: '.' })
const name = schema.string('the name of a host', { pattern: '^[A-Za-z0-9-]+$' })
const names = schema.list(name)
export const link = schema.string('a link: the name of a cable, ROUTER/HOST or LAN/HOST', {
  pattern: '.',
})

/** Descriptions of all keys, which the tables that labs check them with lack. */
type Abouts<T> = Readonly<Record<keyof T, string>>

const options = <T>(
  forms: object,
  own: Readonly<Record<string, schema.Schema>>,
  abouts: Abouts<T>,
  ...required: string[]
) => {
  const { properties = {}, ...rest } = schemaOf(forms as Readonly<Record<string, Form>>, own)
  const described = Object.entries(abouts as Readonly<Record<string, string>>).map(
    ([key, about]) => [key, schema.about(about, properties[key] as schema.Typed<unknown>)],
  )
  return {
    ...rest,
    properties: { ...properties, ...Object.fromEntries(described) },
    ...(required.length > 0 && { required }),
  } as schema.Typed<T>
}

const LINK_ABOUTS = {
  mtu: 'The MTU of both interfaces. Below 1280 they have no IPv6. Default: 1500.',
  capture: 'Whether its frames are recorded. Default: false.',
}

const router = options<RouterEntry>(
  ROUTER_OPTIONS,
  { inside: names, outside: name },
  {
    inside: 'Hosts that a cable each joins to the router; ab leads to the router.',
    outside: 'The host or router outside, such as one that is above it; ab leads to it.',
    internet:
      'Whether it leads to the network of the machine, and by it to the Internet. Default: false.',
    localhost:
      "With internet: TCP ports of the machine's 127.0.0.1 that hosts inside reach at their own.",
    wire: 'Impairments of each of its links, in both directions or in each.',
    ...LINK_ABOUTS,
    preset: 'The options of a kind of network. Other options replace its own.',
    nat: 'How addresses inside are translated. Default: they are not.',
    udpTimeout:
      'How long a UDP mapping lasts without a packet from inside, such as 30s or a number of milliseconds. Default: 120s.',
    tcpTimeout:
      'How long a TCP mapping lasts without a packet from inside, such as 30s or a number of milliseconds. Default: 7440s.',
    hairpin: 'Whether hosts inside reach each other by the address outside. Default: false.',
    portMapping: 'Whether hosts inside get ports outside by PCP and NAT-PMP. Default: false.',
    forward:
      'Ports outside that lead to hosts inside, such as `tcp 8080: server:80`. With internet: ports of the machine.',
    firewall: 'Which packets pass. Default: none.',
  },
)
const cable = options<CableEntry>(
  CABLE_OPTIONS,
  { ends: names },
  {
    ends: 'The two hosts or routers; ab leads from the first to the second.',
    wire: 'Impairments in both directions, or in each.',
    ...LINK_ABOUTS,
    addresses: 'Addresses with prefix lengths, a list for each end. Default: the lab numbers them.',
  },
  'ends',
)
const { $schema: _, ...segment } = lanSchema.properties as Readonly<Record<string, schema.Schema>>
const lan = options<Omit<LanEntry, keyof LanFile>>(
  LAN_OPTIONS,
  { ...segment, ports: names },
  {
    ports: 'The hosts and routers on the segment.',
    wire: 'Impairments of each port, in both directions or in each; ab leads to the segment.',
    ...LINK_ABOUTS,
    addresses:
      'Whether the ports get addresses; false: none, for a test of a DHCP client. Default: true.',
  },
  'ports',
) as schema.Typed<LanEntry>

export const programKeys = {
  command: schema.about(
    'Text for sh, or a list of the program and its arguments.',
    schema.either(text, { ...schema.list(schema.anyText), minItems: 1 }),
  ),
  env: schema.about('Variables of its environment.', schema.record(schema.anyText)),
  cwd: schema.about('The directory in which it starts. Default: that of vnet.', text),
}
export const serviceKeys = {
  ...programKeys,
  ready: schema.about(
    'It is ready when a line that it prints contains this. Default: when it has started.',
    text,
  ),
  restart: schema.about(
    'Whether it is started again, 1 s after its end. Default: false.',
    schema.flag,
  ),
}
const serviceSchema = schema.object(serviceKeys, 'command')
export type Service = schema.TypeOf<typeof serviceSchema>

/** A fault of a lab file or of a request, with the names that the file uses. */
export interface FaultEntry extends FaultWhen {
  readonly link: string
  readonly direction: Direction
  readonly action: LabFaultAction
  readonly filter?: string
}
export const faultSchema = options<FaultEntry>(
  { ...WHEN, action: ACTION, filter: FILTER },
  { link, direction: schema.oneOf('ab', 'ba') },
  {
    link: 'The link.',
    direction: 'The direction of the link.',
    action: 'What happens to a packet that it hits.',
    filter: 'The packets that it counts, as pcap-filter(7) selects them. Default: all.',
    first: 'It hits the first N packets.',
    nth: 'It hits the Nth packet.',
    every: 'It hits every Nth packet. Default: every packet.',
    data: 'Whether only TCP packets with payload count, retransmissions included. Default: false.',
    after: 'It hits packets from this time after the first one on; counting starts then.',
    byte: 'A fin, reset, mute or silence hits TCP connections at this byte of their payload; -1 is the SYN.',
  },
  'link',
  'direction',
  'action',
)

/** The params of changes of hosts, in requests and in steps. */
export const acceptKeys = schema.object({ router: name, host: name }, 'router', 'host')
export const switchKeys = schema.object({ host: name, uplink: name }, 'host', 'uplink')

const step = schema.object(
  {
    ...stepKeys,
    link: schema.about('The link that `wire` and `carrier` change.', link),
    accept: schema.about('The captive portal of `router` accepts the host.', acceptKeys),
    switch: schema.about('Makes the router `uplink` the only uplink of the host.', switchKeys),
  },
  'at',
)
/** The scenario of a lab, in its file or in a file of its own. */
export const labScenario = scenarioOfSteps(step)
export type Step = schema.TypeOf<typeof step>
export type HostChanges = Pick<Step, 'accept' | 'switch'>

export const labSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'a lab of vnet',
  ...schema.object(
    {
      $schema: schema.anyText,
      seed: schema.about(
        "The seed of all random decisions, from which each link's own is made. Default: 1.",
        WHOLE_NUMBER.schema as schema.Typed<number>,
      ),
      stages: schema.about(
        'JavaScript files with stages of your own, which wires name with `stage NAME`. Paths are relative to this file.',
        schema.list(text),
      ),
      capture: schema.about(
        'Whether the frames of all links are recorded, in files whose paths are printed at the end. Default: false.',
        schema.flag,
      ),
      hosts: schema.about('The names of the hosts.', { ...names, minItems: 1, maxItems: 1000 }),
      routers: schema.about(
        'Routers, by their names. A router may be joined to routers that come before it.',
        schema.record(router),
      ),
      cables: schema.about(
        'Links between two hosts or routers, by their names.',
        schema.record(cable),
      ),
      lans: schema.about(
        'Segments with a gateway, DHCP and DNS, by their names.',
        schema.record(lan),
      ),
      disk: schema.about(
        'The size of the disk of each host, which is in memory and removed with the lab. Programs find it in $VNET_DISK. Default: 64MiB, only for programs whose command names $VNET_DISK.',
        SIZE.schema,
      ),
      run: schema.about(
        'Programs that run all the time, by their hosts: one or a list.',
        schema.record(schema.oneOrMore(serviceSchema)),
      ),
      faults: schema.about(
        'Faults, which are set before the programs start.',
        schema.list(faultSchema),
      ),
      scenario: schema.about(
        'Changes of links and hosts at set times: a list of steps, or `steps` and `repeat`. Time 0 is when all programs are ready.',
        labScenario,
      ),
    },
    'hosts',
  ),
}

export type LabFile = schema.TypeOf<typeof labSchema>
