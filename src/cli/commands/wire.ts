/** `vnet wire`: shows the stages of the wires of an interface, or replaces them. */

import { formatDuration, NSEC_PER_MSEC, printable, UsageError } from '../../base/index.ts'
import type {
  ControlClient,
  FoundDevice,
  StageReport,
  WireDirection,
  WireInfo,
} from '../../control/index.ts'
import { beforeVnetLine } from '../../netdev/before-vnet.ts'
import { bypassedLine } from '../../netdev/bypass.ts'
import { directionText } from '../../netdev/device-wire.ts'
import { align } from '../align.ts'
import { type AskOptions, askInterface, type QueryOptions } from '../ask.ts'
import { label, ownerLabel, sideOf } from '../device-text.ts'
import { complain, EXIT_OK, endOf, type Io } from '../process/io.ts'
import { stageDrops, stageName } from '../statistics.ts'

interface WireOptions extends QueryOptions {
  readonly wireAb: string | undefined
  readonly wireBa: string | undefined
  /** The same on an attachment. */
  readonly wireIn: string | undefined
  readonly wireOut: string | undefined
  /** Another filter of an attachment. */
  readonly only: string | undefined
  /** Milliseconds between two rounds. */
  readonly watch: number | undefined
}

/** Shows the wires of the interface `name`, or replaces their stages if a text is given. */
export async function showOrSetWire(
  name: string,
  text: string | undefined,
  options: WireOptions,
  io: Io,
): Promise<number> {
  const {
    wireAb: ab = options.wireIn ?? text,
    wireBa: ba = options.wireOut ?? text,
    only,
    user,
  } = options
  if (text !== undefined && ab !== text && ba !== text) {
    throw new UsageError('wire: SPEC is for both directions, but both have their own: leave it out')
  }
  if (ab?.trim() === '' || ba?.trim() === '') {
    throw new UsageError("wire: a spec is empty; 'off' removes the stages")
  }
  if ((ab ?? ba ?? only) !== undefined) {
    if (options.json || options.watch !== undefined) {
      throw new UsageError(
        'wire: --json and --watch show a wire, a text changes it: run the command twice',
      )
    }
    return change(
      name,
      { ab, ba, only, hasSides: (options.wireIn ?? options.wireOut) !== undefined },
      { user },
      io,
    )
  }
  let before: WireInfo | undefined
  const show = async (client: ControlClient, device: FoundDevice) => {
    const wire = await client.wire(device.vnet, device)
    if (options.json) {
      for (const line of jsonLines(device, wire)) {
        io.out(`${JSON.stringify(line)}\n`)
      }
    } else {
      io.out(
        (before === undefined ? '' : '\n') +
          wireTable(label(device), wire, before, device.attached, ownerLabel(device)),
      )
    }
    before = wire
  }
  if (options.watch === undefined) return askInterface(name, io, show, { user })
  using end = endOf(io)
  for (;;) {
    const status = await askInterface(name, io, show, { user })
    if (status !== EXIT_OK || (await end.within(options.watch))) return status
  }
}

/** Counters that are shown if a stage has counted. */
const RARE = ['duplicated', 'corrupted', 'reordered', 'marked'] as const

interface Change {
  readonly ab: string | undefined
  readonly ba: string | undefined
  readonly only: string | undefined
  /** True if they are named `in` and `out`. */
  readonly hasSides: boolean
}

async function change(
  name: string,
  { ab, ba, only, hasSides }: Change,
  options: AskOptions,
  io: Io,
): Promise<number> {
  // Loaded here, because it loads all kinds of stages.
  const { clientResources, onlyChange, wireChange } = await import(
    '../../control/protocol/wire-request.ts'
  )
  const notes = new Set<string>()
  const resources = clientResources()
  const read = (text: string, direction?: WireDirection) =>
    wireChange(text === 'off' ? undefined : text, {
      direction,
      note: line => notes.add(line),
      resources,
    })
  // Both texts are read before the first direction changes.
  const directions = [['ab', ab] as const, ['ba', ba] as const]
  const changes =
    ab !== undefined && ab === ba
      ? [read(ab)]
      : directions.flatMap(([direction, text]) => (text === undefined ? [] : read(text, direction)))
  if (only !== undefined) {
    changes.unshift(onlyChange(only, resources))
  }
  for (const line of notes) {
    complain(io, line)
  }
  const set = async (client: ControlClient, device: FoundDevice) => {
    if (hasSides && !device.attached) {
      throw new UsageError(
        `wire: ${label(device)} is not an attachment: use --wire-ab and --wire-ba`,
      )
    }
    for (const each of changes) {
      await client.setWire(device.vnet, device, each)
    }
  }
  return askInterface(name, io, set, options)
}

/** Returns an object for each stage, and one for a direction that has none. */
function jsonLines(device: FoundDevice, wire: WireInfo): object[] {
  const { name, netns = null, owner } = device
  const { time, text, only, passed, seed = null, beforeVnet, bypassed, stages, former = [] } = wire
  return (['ab', 'ba'] as const).flatMap((direction): object[] => {
    const side = sideOf(direction, device.attached)
    const lost = {
      beforeVnet: beforeVnet?.[direction] ?? 0,
      bypassed: side && (bypassed?.[direction] ?? 0),
    }
    const head = {
      event: 'wire',
      name,
      netns,
      owner,
      time,
      side,
      only,
      passed: passed?.[direction],
      seed,
      ...lost,
    }
    const own = stages.filter(stage => stage.direction === direction)
    const replaced = former.filter(stage => stage.direction === direction)
    return [
      ...(own.length === 0 ? [{ ...head, direction, text: text[direction], stage: null }] : []),
      ...own.map(({ late, ...stage }) => ({
        ...head,
        ...stage,
        late: late && { p50: late.p50, p99: late.p99 },
      })),
      ...replaced.map(stage => ({ ...head, ...stage, former: true })),
    ]
  })
}

/**
 * Returns the text of each direction, a row for each stage, the drops of the stages, and the frames
 * that were lost before vnet or passed without the wire. Counters that are 0 everywhere, such as
 * `reordered`, have no column. With `before`, read earlier, there is a column `out/s`. `hasSides`
 * is true for an attachment, which may have an `owner`.
 */
export function wireTable(
  name: string,
  wire: WireInfo,
  before?: WireInfo,
  hasSides = false,
  owner?: string,
): string {
  const { text, time, only, passed, seed, beforeVnet, bypassed } = wire
  const sided = (stage: StageReport) => ({
    ...stage,
    side: sideOf(stage.direction as WireDirection, hasSides),
  })
  const stages = wire.stages.map(sided)
  const head = (['ab', 'ba'] as const).flatMap((direction: WireDirection) => {
    const shown = directionText({ direction, side: sideOf(direction, hasSides) })
    const rest = passed && `  only '${only}'; passed in the kernel: ${passed[direction]} frames`
    return [`${name} ${shown}: ${text[direction] || 'off'}`, ...(rest === undefined ? [] : [rest])]
  })
  const seconds = (time - (before?.time ?? time)) / 1000
  const isTimed = stages.some(({ late }) => late !== undefined)
  const rare = RARE.filter(key => stages.some(stage => stage[key] > 0))
  const columns = ['in', 'out', 'held', 'dropped', ...rare] as const
  const rows = [
    ['', ...columns],
    ...stages.map(stage => [`  ${stageName(stage)}`, ...columns.map(key => `${stage[key]}`)]),
  ]
  if (seconds > 0) {
    for (const [i, row] of rows.entries()) {
      row.push(i === 0 ? 'out/s' : rate(stages[i - 1], before, seconds))
    }
  }
  if (isTimed) {
    rows[0]?.push('late p50', 'late p99')
    for (const [i, stage] of stages.entries()) {
      const late = stage.out === 0 ? undefined : stage.late
      rows[i + 1]?.push(duration(late?.p50), duration(late?.p99))
    }
  }
  const drops = stages
    .filter(({ dropped }) => dropped > 0)
    .map(stage => `  ${stageName(stage)} ${stageDrops(stage)}`)
  const former = (wire.former ?? []).map(sided).map(stage => {
    const replaced = stageName({
      ...stage,
      path: `former ${stage.path}`,
      stage: printable(stage.text || stage.stage),
    })
    return `  ${replaced} ${stageDrops(stage)}`
  })
  const lost = (['ab', 'ba'] as const).flatMap((direction: WireDirection) => {
    const side = sideOf(direction, hasSides) ?? direction
    const early = beforeVnet?.[direction] ?? 0
    const beside = bypassed?.[direction] ?? 0
    return [
      ...(early === 0 ? [] : [`  ${beforeVnetLine(side, early)}`]),
      ...(beside === 0 ? [] : [`  ${bypassedLine(side, beside)}`]),
    ]
  })
  const seeds = seed !== undefined && (text.ab || text.ba) ? [`  seed ${seed}`] : []
  const ofOwner = owner === undefined ? [] : [`  of ${owner}`]
  return [
    ...head,
    ...ofOwner,
    ...(stages.length > 0 ? align(rows) : []),
    ...drops,
    ...former,
    ...lost,
    ...seeds,
  ]
    .map(line => `${line.trimEnd()}\n`)
    .join('')
}

/** Packets out per second; `-` if the stage is new or was reset. */
function rate(
  stage: StageReport | undefined,
  before: WireInfo | undefined,
  seconds: number,
): string {
  const last = stage && before?.stages.find(other => stageName(other) === stageName(stage))
  const packets = last === undefined || stage === undefined ? -1 : stage.out - last.out
  return packets < 0 ? '-' : `${Math.round(packets / seconds)}`
}

function duration(ms: number | undefined): string {
  return ms === undefined ? '-' : formatDuration(ms * NSEC_PER_MSEC, { digits: 3 })
}
