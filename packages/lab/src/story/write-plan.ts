/** LabPlan: the hosts, links, flows and faults of a lab that repeats a story. */
import { formatDuration } from 'vnet/internal/base/duration'
import { formatRate } from 'vnet/internal/wire/units'
import { isEphemeral } from '../carrier/flows.ts'
import type { PlannedFault } from '../model/packet-name.ts'
import { FOREVER, lastingOf } from '../model/verbs.ts'
import { opposite } from './statement.ts'
import type { FlowStory, Message, Statement, Story, Way } from './story.ts'

/** How the exchange of a flow ends: all messages arrive, an end gets an error, or neither does. */
type FlowEnd = 'done' | 'reset' | 'silent'
export type LabPlan = ReturnType<typeof planOf>
export type PlannedLink = LabPlan['links'][number]
type Pair = [string, string]
type Repeatable = Statement & Required<Pick<Statement, 'packet' | 'verb'>>
type TimedFault = PlannedFault & { readonly at: number }

/** The most flows of a lab without faults. */
const FLOWS_MAX = 10
/** The longest time at the end of a capture in which a silence may have ended, in ns. */
const END = 1e9
const USUAL_MTU = 1500
const LEAST_MTU = 576

/**
 * Returns a lab for a story. For programs it has all flows, otherwise the flows with faults. `end`
 * replaces the ends of flows.
 */
export function planOf(story: Story, hasPrograms: boolean, end?: FlowEnd) {
  const repeated = new Map(story.flows.map(flow => [flow, repeatedOf(flow, hasPrograms)]))
  const faulty = story.flows.filter(flow => repeated.get(flow)?.length || flow.statements.some(isHole))
  const flows = hasPrograms ? story.flows : faulty.length > 0 ? faulty : story.flows.slice(0, FLOWS_MAX)
  const hosts = namesOf(flows)
  const endsOf = ({ client, server }: FlowStory) => [client, server].map(({ address }) => hosts.get(address)) as Pair
  const nats = new Set(flows.filter(hasRebind).map(flow => endsOf(flow).join(' ')))
  const links = new Map<string, FlowStory[]>()
  const alike = new Map<string, number>()
  const planned = flows.map(flow => {
    const [client, server] = endsOf(flow)
    const isTurned = links.has(`${server} ${client}`)
    const ends = isTurned ? `${server} ${client}` : `${client} ${server}`
    // A flow that the other end opened has its directions turned.
    links.set(ends, [...(links.get(ends) ?? []), ...(isTurned ? [] : [flow])])
    const source = `${client}:${ownPortOf(flow) ?? '*'}`
    const destination = `${server}:${isEphemeral(flow.server.port) ? '*' : flow.server.port}`
    const text = `${ends} ${flow.protocol} ${source} > ${destination}`
    const number = (alike.get(text) ?? 0) + 1
    alike.set(text, number)
    const numbered = number === 1 ? source : `${source}#${number}`
    const faults = (repeated.get(flow) ?? []).map((statement): TimedFault => {
      const { packet, verb, time: at, way, packetWay = way } = statement
      return {
        ...packet,
        link: nats.has(ends) ? `${client}-router` : ends.replace(' ', '-'),
        direction: isTurned ? opposite(packetWay) : packetWay,
        flow: `${flow.protocol} ${packetWay === 'ab' ? `${numbered} > ${destination}` : `${destination} > ${numbered}`}`,
        verb,
        time: lastingFor(statement, flow, story),
        at,
      }
    })
    return { story: flow, client, server, end: end ?? endOf(flow, faults), faults }
  })
  const faults = withoutCovered(planned.flatMap(each => each.faults))
  const times = flows.flatMap(({ begin, last }) => [begin, last])
  const lasts = faults.map(lastingOf).filter(time => time !== FOREVER)
  const isLeft = (flow: FlowStory, each: Statement) =>
    !isHole(each) && !repeated.get(flow)?.some(other => other === each)
  return {
    clients: [...new Set(planned.map(({ client }) => client))],
    servers: [...new Set(planned.map(({ server }) => server))],
    links: [...links].map(([ends, of]) => ({ ...linkOf(ends.split(' ') as Pair, of), hasNat: nats.has(ends) })),
    flows: planned,
    faults,
    /** The statements that the lab does not repeat, without texts of the capture. */
    others: flows.flatMap(flow => flow.statements.filter(each => isLeft(flow, each)).map(otherText)),
    /** Flows of the story that the lab does not have. */
    left: story.flows.length + story.forgotten - flows.length,
    /** Nanoseconds that the flows took, and that their faults last. */
    lasted: Math.max(0, Math.max(...times) - Math.min(...times)) + lasts.reduce((sum, time) => sum + time, 0),
  }
}

const hasRebind = ({ statements }: FlowStory) => statements.some(({ verb }) => verb === 'rebind')
/** A black hole at the end of a flow, which a wire with a small MTU makes. */
const isHole = ({ kind, certainty, size }: Statement) =>
  kind === 'black-hole' && certainty === 'guess' && size !== undefined
const isDead = (verb: string | undefined) => verb === 'silence' || verb === 'mute'

/**
 * Returns the statements with faults. Messages, unless programs send them, may end before a packet.
 * ACKs depend on time, so that another run may have fewer. A reset after a silence is its
 * consequence.
 */
function repeatedOf({ statements, messages }: FlowStory, hasPrograms: boolean): Repeatable[] {
  const sum = (way: Way, of: (message: Message) => number) =>
    messages.reduce((all, message) => all + (message.way === way ? of(message) : 0), 0)
  const since = statements.find(({ verb }) => isDead(verb))?.time ?? Number.POSITIVE_INFINITY
  return statements.filter((each): each is Repeatable => {
    const { packet, verb, time, way, packetWay = way } = each
    if (packet === undefined || verb === undefined || isHole(each)) return false
    if (verb === 'reset') return time < since && packet.part !== 'rst'
    if (packet.part === 'ack') return false
    const last = packet.part === 'seq' ? 1 + sum(packetWay, ({ length }) => length) : sum(packetWay, () => 1)
    return hasPrograms || packet.n <= last
  })
}

/**
 * Returns the faults that no silence before them covers, in the order of time, and only the first
 * one of a packet, which counts as hit once.
 */
function withoutCovered(faults: readonly TimedFault[]): readonly PlannedFault[] {
  const keyOf = ({ link, flow, part, n, copy }: PlannedFault) => [link, flow, part, n, copy].join(' ')
  const kept: TimedFault[] = []
  for (const fault of faults.toSorted((a, b) => a.at - b.at)) {
    const isCovered = ({ link, verb, time, at }: TimedFault) =>
      link === fault.link && isDead(verb) && (time === FOREVER || fault.at < at + time)
    if (!kept.some(each => isCovered(each) || keyOf(each) === keyOf(fault))) kept.push(fault)
  }
  return kept.map(({ at: _, ...fault }) => fault)
}

/** Returns the host of each address, `client` or `server` by its first flow, numbered from 2 on. */
function namesOf(flows: readonly FlowStory[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const counts = { client: 0, server: 0 }
  for (const flow of flows) {
    for (const role of ['client', 'server'] as const) {
      const { address } = flow[role]
      if (!names.has(address)) names.set(address, ++counts[role] === 1 ? role : `${role}${counts[role]}`)
    }
  }
  return names
}

/** Returns the port of a UDP client; undefined if the kernel has chosen it. */
export function ownPortOf({ protocol, client, server }: FlowStory): number | undefined {
  return protocol === 'udp' && (client.port < 1024 || client.port === server.port) ? client.port : undefined
}

function lastingFor({ verb, time, lasted }: Repeatable, flow: FlowStory, story: Story): number {
  if (verb === 'delay') return lasted ?? 0
  if (!isDead(verb)) return 0
  const isOver = lasted !== undefined && (flow.end !== 'open' || time + lasted < story.lasted - END)
  return isOver ? lasted : FOREVER
}

function endOf(flow: FlowStory, faults: readonly PlannedFault[]): FlowEnd {
  if (faults.some(({ time }) => time === FOREVER) || flow.statements.some(isHole)) return 'silent'
  if (flow.protocol === 'udp') return 'done'
  return faults.some(({ verb }) => verb === 'reset' || verb === 'rebind') ? 'reset' : 'done'
}

/** Returns a link with the wire of the flow that has the most round trips. */
function linkOf([client, server]: Pair, flows: readonly FlowStory[]) {
  const samplesOf = ({ rtt }: FlowStory) => (rtt.ab?.samples ?? 0) + (rtt.ba?.samples ?? 0)
  const [best] = flows.toSorted((a, b) => samplesOf(b) - samplesOf(a)) as [FlowStory]
  const { ab, ba } = best.rtt
  const sum = (key: 'min' | 'median' | 'p95') => (ab?.[key] ?? 0) + (ba?.[key] ?? 0)
  const isBusy = flows.some(({ ways }) => (ways.ab.rate ?? ways.ba.rate) !== undefined)
  const median = sum('median')
  // The queue of a bottleneck makes the other round trips longer. A few late ones are not jitter.
  const middle = (isBusy ? sum('min') : median) / 2
  const spread = Math.min(median - sum('min'), sum('p95') - median) / 2
  const jitter = isBusy || spread < middle / 20 ? '' : ` ${timeText(spread)} ordered`
  const wireOf = (way: Way) => {
    const limits = flows.flatMap(each => {
      const { rate, queue } = each.ways[way]
      if (rate === undefined) return []
      const limit = queue === undefined ? '' : ` limit ${timeText(queue)}`
      // A rate of IP packets: frames have a header of 14 bytes.
      return `rate ${formatRate(Number(rate.toPrecision(4)))} -14${limit}`
    })
    const holes = flows.flatMap(({ statements }) => statements.filter(each => isHole(each) && each.way === way))
    // With headers of 40 bytes, or 52 with timestamps, this segment is longer.
    const sizes = holes.slice(0, 1).map(({ size = 0 }) => `mtu ${size + 39}`)
    return [...sizes, ...limits.slice(0, 1), ...(middle > 0 ? [`delay ${timeText(middle)}${jitter}`] : [])].join(' | ')
  }
  const headers = best.server.address.includes(':') ? 60 : 40
  const mtu = Math.min(USUAL_MTU, ...flows.flatMap(({ mss }) => (mss === undefined ? [] : mss + headers)))
  return {
    client,
    server,
    wire: { ab: wireOf('ab'), ba: wireOf('ba') },
    mtu: mtu < USUAL_MTU && mtu >= LEAST_MTU ? mtu : undefined,
  }
}

const timeText = (ns: number) => formatDuration(Math.max(1000, Math.round(ns / 1000) * 1000), { digits: 4 })

function otherText({ kind, way, certainty, lasted, frames }: Statement): string {
  const time = lasted === undefined ? '' : ` for ${formatDuration(lasted, { digits: 3 })}`
  return `${kind} ${way}${time} (${certainty}, frames ${frames.join(', ')})`
}
