/** LabPlan: the hosts, links, flows and faults of a lab that repeats a story. */
import { NSEC_PER_MSEC, NSEC_PER_SEC, UsageError } from 'vnet'
import { formatDuration } from 'vnet/kit/base'
import { formatRate } from 'vnet/kit/wire'
import { isEphemeral } from '../carrier/flows.ts'
import type { PlannedFault } from '../model/packet-name.ts'
import { FOREVER, lastingOf } from '../model/verbs.ts'
import { opposite } from './statement.ts'
import type { FlowStory, Message, Statement, Story, Way } from './story.ts'

/** How the exchange of a flow ends: all messages arrive, an end gets an error, or neither does. */
type FlowEnd = 'done' | 'reset' | 'silent'
export type LabPlan = ReturnType<typeof planOf>
export type PlannedLink = LabPlan['links'][number]
type Repeatable = Statement & Required<Pick<Statement, 'packet' | 'verb'>>
type TimedFault = PlannedFault & { readonly at: number }

/** The most flows of a lab without faults. */
const FLOWS_MAX = 10
/** The start of the path of each trace: a constant of the test, in a template. */
export const TRACES = `\${traces}`
/** The longest time at the end of a capture in which a silence may have ended, in ns. */
const END = 1e9
const USUAL_MTU = 1500
const LEAST_MTU = 576

/**
 * Returns a lab for a story. For programs it has all flows, otherwise the flows with faults. `end`
 * replaces the ends of flows. Delays that change are traces if the test may have further files.
 */
export function planOf(story: Story, hasPrograms: boolean, hasTraces: boolean, end?: FlowEnd) {
  const repeated = new Set<Statement>(story.flows.flatMap(flow => repeatedOf(flow, hasPrograms)))
  const isRepeated = (each: Statement): each is Repeatable => repeated.has(each)
  const isFault = (each: Statement) => isRepeated(each) || isHole(each)
  // Messages wait for as long as their ends did.
  const isPause = ({ kind }: Statement) => kind === 'slow-reply' && !hasPrograms
  const isOther = (each: Statement) => !isFault(each) && !isPause(each)
  const faulty = story.flows.filter(({ statements }) => statements.some(isFault))
  const telling = faulty.length > 0 ? faulty : story.flows.slice(0, FLOWS_MAX)
  const flows = hasPrograms ? story.flows : telling
  if (flows.length === 0) {
    throw new UsageError('the capture has no flow of TCP or UDP to write a test of')
  }
  const hosts = namesOf(flows)
  const endsOf = (flow: FlowStory) =>
    [flow.client, flow.server].map(({ address }) => hosts.get(address) as string)
  const nats = new Set(flows.filter(hasRebind).map(flow => endsOf(flow).join(' ')))
  const { planned, links } = planFlows(flows, { story, endsOf, nats, isRepeated, end })
  /** Files of delays over time, by their names after the name of the test. */
  const traces = new Map<string, string>()
  const faults = withoutCovered(planned.flatMap(each => each.faults))
  const times = flows.flatMap(({ begin, last }) => [begin, last])
  const lasts = faults.map(lastingOf).filter(time => time !== FOREVER)
  return {
    clients: [...new Set(planned.map(({ client }) => client))],
    servers: [...new Set(planned.map(({ server }) => server))],
    links: [...links].map(([ends, of]) => ({
      ...linkOf(ends, of, hasTraces ? traces : undefined),
      hasNat: nats.has(ends),
    })),
    traces,
    flows: planned,
    faults,
    /** The statements that the lab does not repeat, without texts of the capture. */
    others: flows.flatMap(({ statements }) => statements.filter(isOther).map(otherText)),
    /** Flows of the story that the lab does not have. */
    left: story.flows.length + story.forgotten - flows.length,
    /** Nanoseconds that the flows took, and that their faults last. */
    lasted:
      Math.max(0, Math.max(...times) - Math.min(...times)) +
      lasts.reduce((sum, time) => sum + time, 0),
  }
}

interface FlowParts {
  readonly story: Story
  /** Returns the names of the client and of the server. */
  readonly endsOf: (flow: FlowStory) => string[]
  /** The pairs of names that a NAT is between. */
  readonly nats: ReadonlySet<string>
  readonly isRepeated: (each: Statement) => each is Repeatable
  /** Replaces the ends of flows. */
  readonly end: FlowEnd | undefined
}

/** Returns the flows with the faults that a lab can set, and the flows of each of its links. */
function planFlows(
  flows: readonly FlowStory[],
  { story, endsOf, nats, isRepeated, end }: FlowParts,
) {
  const links = new Map<string, FlowStory[]>()
  const alike = new Map<string, number>()
  const planned = flows.map(flow => {
    const [client = '', server = ''] = endsOf(flow)
    const isTurned = links.has(`${server} ${client}`)
    const ends = isTurned ? `${server} ${client}` : `${client} ${server}`
    // A flow that the other end opened has its directions turned.
    links.set(ends, [...(links.get(ends) ?? []), ...(isTurned ? [] : [flow])])
    const source = `${client}:${ownPortOf(flow) ?? '*'}`
    const destination = `${server}:${isEphemeral(flow.server.port) ? '*' : flow.server.port}`
    const key = [ends, flow.protocol, source, destination].join(' ')
    const number = (alike.get(key) ?? 0) + 1
    alike.set(key, number)
    const names = [number === 1 ? source : `${source}#${number}`, destination]
    const link = nats.has(ends) ? `${client}-router` : ends.replace(' ', '-')
    const until = flow.end === 'open' ? story.lasted - END : Number.POSITIVE_INFINITY
    const faults = flow.statements.filter(isRepeated).map((statement): TimedFault => {
      const { packet, verb, time: at, way, packetWay = way } = statement
      const text = (packetWay === 'ab' ? names : names.toReversed()).join(' > ')
      const direction = isTurned ? opposite(packetWay) : packetWay
      const time = lastingFor(statement, until)
      return { ...packet, link, direction, flow: `${flow.protocol} ${text}`, verb, time, at }
    })
    return { story: flow, client, server, end: end ?? endOf(flow, faults), faults }
  })
  return { planned, links }
}

const hasRebind = ({ statements }: FlowStory) => statements.some(({ verb }) => verb === 'rebind')
/** A black hole to the end of a flow, which a wire with a small MTU makes. */
const isHole = ({ kind, certainty, size }: Statement) =>
  kind === 'black-hole' && certainty === 'guess' && size !== undefined
const isDead = (verb: string | undefined) => verb === 'silence' || verb === 'mute'

/**
 * Returns the statements with faults. Messages, unless programs send them, may end before a packet.
 * ACKs depend on time, so that another run may have fewer. A reset after a silence is its
 * consequence.
 */
function repeatedOf({ statements, messages }: FlowStory, hasPrograms: boolean): Statement[] {
  const sum = (way: Way, of: (message: Message) => number) =>
    messages.reduce((all, message) => all + (message.way === way ? of(message) : 0), 0)
  const since = statements.find(({ verb }) => isDead(verb))?.time ?? Number.POSITIVE_INFINITY
  return statements.filter(each => {
    const { packet, verb, time, way, packetWay = way } = each
    if (packet === undefined || verb === undefined || isHole(each)) return false
    if (verb === 'reset') return time < since && packet.part !== 'rst'
    const last =
      packet.part === 'seq' ? 1 + sum(packetWay, ({ length }) => length) : sum(packetWay, () => 1)
    return packet.part !== 'ack' && (hasPrograms || packet.n <= last)
  })
}

/**
 * Returns the faults that no silence before them covers, in the order of time, and only the first
 * one of a packet, which counts as hit once.
 */
function withoutCovered(faults: readonly TimedFault[]): readonly PlannedFault[] {
  const keyOf = ({ link, flow, part, n, copy }: PlannedFault) =>
    [link, flow, part, n, copy].join(' ')
  const kept: TimedFault[] = []
  for (const fault of faults.toSorted((a, b) => a.at - b.at)) {
    const isCovered = ({ link, verb, time, at }: TimedFault) =>
      link === fault.link && isDead(verb) && (time === FOREVER || fault.at < at + time)
    if (!kept.some(each => isCovered(each) || keyOf(each) === keyOf(fault))) {
      kept.push(fault)
    }
  }
  return kept.map(({ at: _, ...fault }) => fault)
}

/** Returns the host of each address. A client has opened a flow. */
function namesOf(flows: readonly FlowStory[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const role of ['client', 'server'] as const) {
    const added = new Set(
      flows.map(flow => flow[role].address).filter(address => !names.has(address)),
    )
    for (const [i, address] of [...added].entries()) {
      names.set(address, i === 0 ? role : `${role}${i + 1}`)
    }
  }
  return names
}

/** Returns the port of a UDP client; undefined if the kernel has chosen it. */
export function ownPortOf({ protocol, client, server }: FlowStory): number | undefined {
  return protocol === 'udp' && (client.port < 1024 || client.port === server.port)
    ? client.port
    : undefined
}

/** Returns how long a fault lasts, in ns. A silence that ends after `end` has no end. */
function lastingFor({ verb, time, lasted }: Repeatable, end: number): number {
  if (verb === 'delay') return lasted ?? 0
  if (!isDead(verb)) return 0
  return lasted !== undefined && time + lasted < end ? lasted : FOREVER
}

function endOf({ protocol, statements }: FlowStory, faults: readonly PlannedFault[]): FlowEnd {
  if (faults.some(({ time }) => time === FOREVER) || statements.some(isHole)) return 'silent'
  return protocol === 'tcp' && faults.some(({ verb }) => verb === 'reset' || verb === 'rebind')
    ? 'reset'
    : 'done'
}

/** Returns a trace in CSV of half of the round trips, from the start of the flow on. */
function traceOf({ rtt: { ab, ba }, begin }: FlowStory): string | undefined {
  const [far, near] = ab?.trend === undefined ? [ba, ab] : [ab, ba]
  const [first, ...rest] = far?.trend ?? []
  if (first === undefined) return undefined
  const rows = [[begin, first[1]] as const, ...rest].map(
    ([time, trip]): readonly [string, number] => {
      const delay = (trip + (near?.median ?? 0)) / 2
      return [((time - begin) / NSEC_PER_SEC).toFixed(3), delay / NSEC_PER_MSEC]
    },
  )
  // Packets that leave together are one row.
  return [
    'time,delay',
    ...[...new Map(rows)].map(([time, delay]) => `${time},${delay.toFixed(3)}`),
    '',
  ].join('\n')
}

/** Returns a link with the wire of the flow that has the most round trips. */
function linkOf(
  ends: string,
  flows: readonly FlowStory[],
  traces: Map<string, string> | undefined,
) {
  const [client = '', server = ''] = ends.split(' ')
  const samplesOf = (one: FlowStory) => (one.rtt.ab?.samples ?? 0) + (one.rtt.ba?.samples ?? 0)
  const flow = flows.toSorted((a, b) => samplesOf(b) - samplesOf(a))[0] as FlowStory
  const { rtt } = flow
  const sum = (key: 'min' | 'median' | 'p95') => (rtt.ab?.[key] ?? 0) + (rtt.ba?.[key] ?? 0)
  const isBusy = flows.some(({ ways }) => (ways.ab.rate ?? ways.ba.rate) !== undefined)
  // The queue of a bottleneck makes the other round trips longer. A few late ones are not jitter.
  const middle = (isBusy ? sum('min') : sum('median')) / 2
  const spread = Math.min(sum('median') - sum('min'), sum('p95') - sum('median')) / 2
  const trace = isBusy || traces === undefined ? undefined : traceOf(flow)
  const file = `${client}-${server}.csv`
  if (trace !== undefined) {
    traces?.set(file, trace)
  }
  const jitter = isBusy || spread < middle / 20 ? '' : ` ${timeText(spread)} ordered`
  const wireOf = (way: Way) => {
    const { rate, queue } =
      flows.map(({ ways }) => ways[way]).find(one => one.rate !== undefined) ?? {}
    // A full queue would lose packets besides those of the faults.
    const isLossy = flows.some(({ statements }) =>
      statements.some(one => one.way === way && one.verb === 'drop'),
    )
    const limit = queue === undefined || isLossy ? '' : ` limit ${timeText(queue)}`
    const hole = flows
      .flatMap(({ statements }) => statements)
      .find(each => isHole(each) && each.way === way)
    const stages = [
      // With headers of 40 bytes, or 52 with timestamps, this segment is longer.
      hole?.size !== undefined && `mtu ${hole.size + 39}`,
      // A rate of IP packets: frames have a header of 14 bytes.
      rate !== undefined && `rate ${formatRate(Number(rate.toPrecision(4)))} -14${limit}`,
      trace !== undefined && `trace "${TRACES}${file}" once`,
      trace === undefined && middle > 0 && `delay ${timeText(middle)}${jitter}`,
    ]
    return stages.filter(Boolean).join(' | ')
  }
  const headers = flow.server.address.includes(':') ? 60 : 40
  const mtu = Math.min(USUAL_MTU, ...flows.map(({ mss = USUAL_MTU }) => mss + headers))
  const isUsual = mtu === USUAL_MTU || mtu < LEAST_MTU
  return {
    client,
    server,
    wire: { ab: wireOf('ab'), ba: wireOf('ba') },
    mtu: isUsual ? undefined : mtu,
  }
}

const timeText = (ns: number) =>
  formatDuration(Math.max(1000, Math.round(ns / 1000) * 1000), { digits: 4 })

function otherText({ kind, way, certainty, lasted, frames }: Statement): string {
  const time = lasted === undefined ? '' : ` for ${formatDuration(lasted, { digits: 3 })}`
  return `${kind} ${way}${time} (${certainty}, frames ${frames.join(', ')})`
}
