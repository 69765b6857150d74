/** Decodes the messages of a vnet to the results of a client. */

import { EPROTO, NSEC_PER_MSEC, VnetError } from '../../base/index.ts'
import type { LinkStats64, StageReport } from '../../netdev/index.ts'
import type { Reply } from './family.ts'
import { countersWith, type QueueCounters } from './queue-counters.ts'
import type { SegmentEntryKind } from './segment-entry.ts'
import type {
  DeviceEvent,
  DeviceInfo,
  DeviceStats,
  RuntimeInfo,
  ScenarioInfo,
  SegmentInfo,
  StepPlace,
  StepSource,
  StepState,
  WireDirection,
  WireInfo,
} from './types.ts'

type StepReply = NonNullable<Reply<'step'>['step']>
type WireReply = Reply<'getWire'>
type Entry<K extends SegmentEntryKind> = NonNullable<Reply<'getSegment'>[K]>

/** Decodes a message with times in ns. */
export function runtimeInfo({ time, runtime }: Reply<'getRuntime'>): RuntimeInfo {
  const { loopActive, loopIdle, loopDelay, gc, cpuUser, cpuSystem, ...rest } = runtime
  const delays = Object.entries(loopDelay ?? {}).map(([name, ns]) => [name, inMs(ns)])
  return {
    ...rest,
    time,
    loopActive: inMs(loopActive),
    loopIdle: inMs(loopIdle),
    ...(loopDelay && { loopDelay: Object.fromEntries(delays) as typeof loopDelay }),
    gc: gc.map(pause => ({ ...pause, time: inMs(pause.time) })),
    cpuUser: inMs(cpuUser),
    cpuSystem: inMs(cpuSystem),
  }
}

const inMs = (ns: number): number => ns / NSEC_PER_MSEC

function named<R extends { readonly ifname: string; readonly netns?: string | undefined }>({
  ifname,
  netns,
  ...rest
}: R) {
  return { ...rest, name: ifname, netns }
}

export function deviceInfo({ faults, faultTexts, ...reply }: Reply<'getDevices'>): DeviceInfo {
  return {
    ...named(reply),
    ...(faults !== undefined && { faults: faults.split(' ').filter(Boolean) }),
    ...(faultTexts !== undefined && { faultTexts: faultTexts.split('\n') }),
  }
}

export function deviceEvent(reply: Reply<'event'>): DeviceEvent {
  const { wireDirection: direction, wireText: text, stepMode: mode, step, ...event } = reply
  return {
    ...named(event),
    ...(direction !== undefined && { direction: direction as WireDirection, text }),
    ...(mode !== undefined && { mode: mode as StepState['mode'], step: step && stepPlace(step) }),
  }
}

function stepPlace({ number, ifindex, ifname: name, netns, queue, next }: StepReply): StepPlace {
  return { number, device: { ifindex, name, netns }, queue, next }
}

export function stepState({ mode, every, step, count }: Reply<'step'>): StepState {
  if (step === undefined) return { mode: mode as StepState['mode'], every, halt: undefined }
  const { length, frame: bytes } = step
  const halt = {
    ...stepPlace(step),
    frame:
      length === undefined || bytes === undefined ? undefined : { length, bytes: bytes.slice() },
    source: stepSource(step),
    count,
  }
  return { mode: mode as StepState['mode'], every, halt }
}

function stepSource({ file, line, lines = '', first }: StepReply): StepSource | undefined {
  if (file === undefined || line === undefined) return undefined
  return { file, line, first: first ?? line, lines: lines.split('\n') }
}

/** Builds the information from the messages of a dump: first the directions, then the stages. */
export function wireInfo(replies: readonly WireReply[]): WireInfo {
  const text = { ab: '', ba: '' }
  const stages: StageReport[] = []
  const former: StageReport[] = []
  const passed = { ab: 0, ba: 0 }
  const beforeVnet = { ab: 0, ba: 0 }
  const bypassed = { ab: 0, ba: 0 }
  let outgoing: WireDirection | undefined
  for (const {
    direction,
    text: given,
    outgoing: isOutgoing,
    passed: count = 0,
    stage,
    ...reply
  } of replies) {
    if (direction === 'ab' || direction === 'ba') {
      text[direction] = given ?? ''
      passed[direction] = count
      beforeVnet[direction] = reply.beforeVnet ?? 0
      bypassed[direction] = reply.bypassed ?? 0
      if (isOutgoing) {
        outgoing = direction
      }
    }
    if (stage?.former) {
      former.push(stageReport(stage))
    } else if (stage !== undefined) {
      stages.push(stageReport(stage))
    }
  }
  const [{ time, only, seed }] = replies as [WireReply]
  return {
    time,
    text,
    outgoing,
    ...(only && { only, passed }),
    seed,
    beforeVnet,
    bypassed,
    stages,
    former,
  }
}

/** Builds the information from the messages of a dump: first the scenario, then its steps. */
export function scenarioInfo(replies: readonly Reply<'getScenario'>[]): ScenarioInfo {
  const { file = '', started, repeat } = replies[0]?.scenario ?? {}
  const steps = replies.flatMap(({ step }) =>
    step === undefined ? [] : { ...step, at: inMs(step.at) },
  )
  return { file, started, repeat: repeat && inMs(repeat), steps }
}

function stageReport({
  former: _,
  drops,
  lateP50: p50,
  lateP99: p99,
  lateCounts,
  ...rest
}: NonNullable<WireReply['stage']>): StageReport {
  return {
    ...rest,
    drops: Object.fromEntries(drops.map(({ reason, packets }) => [reason, packets])),
    ...(p50 !== undefined &&
      p99 !== undefined && {
        late: { p50: inMs(p50), p99: inMs(p99), counts: countsIn(lateCounts) },
      }),
  }
}

/** From pairs of u64: ns and packets. */
function countsIn(bytes: Uint8Array = new Uint8Array()): (readonly [number, number])[] {
  if (bytes.length % 16 !== 0) {
    throw new VnetError(EPROTO, ['GET_WIRE', 'vnet'], `${bytes.length} bytes are not pairs of u64`)
  }
  const numbers = [...new BigUint64Array(Uint8Array.from(bytes).buffer)].map(Number)
  return numbers.flatMap((ns, i) => (i % 2 === 0 ? [[inMs(ns), numbers[i + 1]!] as const] : []))
}

/** From the message with the sums, and the messages of the queues. */
export function deviceStats([sum, ...queues]: readonly Reply<'getStats'>[]):
  | DeviceStats
  | undefined {
  if (sum === undefined) return undefined
  const dropsOf = (direction: 'tx' | 'rx') =>
    Object.fromEntries(
      sum.drops.flatMap(each => (each.direction === direction ? [[each.reason, each.frames]] : [])),
    )
  const drops = { tx: dropsOf('tx'), rx: dropsOf('rx') }
  const {
    ifindex,
    ifname: name,
    netns,
    time,
    rxQueues,
    held,
    beforeVnet,
    bypassed,
    kernelStats: kernel,
    busy,
  } = sum
  const given = { ...(bypassed !== undefined && { bypassed }), ...(busy !== undefined && { busy }) }
  const rest = { rxQueues, held, beforeVnet, drops, kernel, ...given }
  return { ifindex, name, netns, time, total: counters(sum), queues: queues.map(counters), ...rest }
}

function counters(reply: Reply<'getStats'>): LinkStats64 & QueueCounters {
  return { ...reply.stats, ...countersWith(field => reply[field]) }
}

/** From the messages of a dump. */
export function segmentInfo(replies: readonly Reply<'getSegment'>[]): SegmentInfo {
  const all = <K extends SegmentEntryKind>(kind: K) =>
    replies.flatMap(reply => (reply[kind] as Entry<K>) ?? [])
  const countersOf = (group: keyof SegmentInfo['counters']) =>
    Object.fromEntries(
      all('counter').flatMap(each => (each.group === group ? [[each.name, each.value]] : [])),
    )
  return {
    hosts: all('host').map(host => ({
      ...host,
      addresses: host.addresses.map(({ address }) => address),
    })),
    leases: all('lease'),
    neighbours: all('neighbour'),
    stations: all('station'),
    counters: {
      frames: countersOf('frames'),
      dropped: countersOf('dropped'),
      answered: countersOf('answered'),
    },
  }
}
