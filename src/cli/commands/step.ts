/**
 * `vnet step IF [on|off|next]`: prints the frame that waits for a step, and the function that runs
 * next.
 */
import { printable, UsageError } from '../../base/index.ts'
import { FramePrinter } from '../../capture/frame-text.ts'
import type {
  ControlClient,
  DeviceStats,
  FoundDevice,
  StepHalt,
  StepState,
} from '../../control/index.ts'
import { compileFilter } from '../../linux/pcap-filter.ts'
import type { CompiledFilter } from '../../packet/bpf.ts'
import { headersOf } from '../../packet/fields.ts'
import { askInterface, type QueryOptions } from '../ask.ts'
import { label } from '../device-text.ts'
import type { Io } from '../process/io.ts'

interface StepOptions extends QueryOptions {
  /** Milliseconds after which a step runs by itself. */
  readonly every: number | undefined
  /** The frames at which `next` ends, in the language of pcap-filter(7). */
  readonly filter: string | undefined
}

/** Bytes of a frame in one line of the dump. */
const ROW = 16

export function step(
  name: string,
  mode: 'on' | 'off' | 'next' | undefined,
  { every, filter, json, ...options }: StepOptions,
  io: Io,
): Promise<number> {
  if (every !== undefined && mode !== 'on') throw new UsageError('--every belongs to `step IF on`')
  if (filter !== undefined && mode !== 'next') {
    throw new UsageError('--filter belongs to `step IF next`')
  }
  const wanted = filter === undefined ? undefined : compileFilter(filter)
  const ask = async (client: ControlClient, device: FoundDevice) => {
    const { vnet } = device
    const before = mode === 'next' ? await client.allStats(vnet) : []
    let state = await client.step(vnet, device, mode, { every })
    while (wanted !== undefined && state.halt !== undefined && !isWanted(state.halt, wanted)) {
      state = await client.step(vnet, device, 'next', { count: state.halt.count })
    }
    // The frame's position matters more than the drops.
    const after = mode === 'next' ? await client.allStats(vnet).catch(() => before) : []
    const dropped = droppedSince(before, after)
    const dropWords = dropped.length > 0 ? { dropped } : {}
    if (json) {
      io.out(`${JSON.stringify({ event: 'step', ...dropWords, ...stepWords(state) })}\n`)
    } else {
      for (const line of [...dropped.map(dropLine), ...stepLines(state)]) {
        io.out(`${printable(line)}\n`)
      }
    }
  }
  return askInterface(name, io, ask, options)
}

/** Steps without a frame, such as an interrupt that completes one, are not wanted either. */
function isWanted({ frame }: StepHalt, { program }: CompiledFilter): boolean {
  return frame !== undefined && program.runCutOff(frame.bytes, frame.length) !== 0
}

/** Frames that the steps dropped: no other frame moves meanwhile. */
type Dropped = Readonly<{
  interface: string
  direction: 'tx' | 'rx'
  reason: string
  frames: number
}>

/** Returns the drops between two readings, by interface, direction and reason. */
function droppedSince(before: readonly DeviceStats[], after: readonly DeviceStats[]): Dropped[] {
  return after.flatMap(device => {
    const old = before.find(
      ({ ifindex, netns }) => ifindex === device.ifindex && netns === device.netns,
    )
    return (['tx', 'rx'] as const).flatMap(direction =>
      Object.entries(device.drops[direction])
        .map(([reason, all]) => ({ reason, frames: all - (old?.drops[direction][reason] ?? 0) }))
        .filter(({ frames }) => frames > 0)
        .map(drop => ({ interface: label(device), direction, ...drop })),
    )
  })
}

/** Returns `dropped at sn0 (tx): RX_CRC`. */
function dropLine({ interface: name, direction, reason, frames }: Dropped): string {
  return `dropped at ${name} (${direction}): ${reason}${frames === 1 ? '' : `, ${frames} frames`}`
}

function stepWords({ mode, every, halt }: StepState) {
  if (halt === undefined) return { mode, every, halt: null }
  const { number, device, queue, next, frame = null, source = null } = halt
  const fields = frame && {
    length: frame.length,
    text: text(frame),
    headers: headers(frame),
    bytes: hex(frame.bytes),
  }
  return {
    mode,
    every,
    halt: { step: number, interface: label(device), queue, next, frame: fields, source },
  }
}

/** Returns the lines that are printed. */
function stepLines({ mode, halt }: StepState): string[] {
  if (mode === 'off') return ['off']
  if (halt === undefined) {
    return ['on: no frame waits yet: send one, by ping for instance, or look again']
  }
  const { number, device, queue, next, frame, source } = halt
  const head = `step ${number} of 5, ${label(device)}, queue ${queue}: ${next}`
  return [
    head,
    ...(frame === undefined ? [] : frameLines(frame)),
    ...(source === undefined ? [] : codeLines(source)),
  ]
}

type Frame = NonNullable<StepHalt['frame']>

function frameLines(frame: Frame): string[] {
  const { bytes } = frame
  const rows = Array.from({ length: Math.ceil(bytes.length / ROW) }, (_, i) => {
    const row = hex(bytes.subarray(i * ROW, (i + 1) * ROW))
    return `  ${(i * ROW).toString(16).padStart(4, '0')}  ${row.match(/../g)?.join(' ')}`
  })
  const decoded = headers(frame).map(({ name, fields }) => {
    return `  ${name}: ${fields.map(field => `${field.name} ${field.value}`).join(', ')}`
  })
  return ['', `${frame.length} bytes: ${text(frame)}`, ...decoded, ...rows]
}

function text({ length, bytes }: Frame): string {
  return new FramePrinter().print({
    bytes,
    at: 0,
    capturedLength: bytes.length,
    originalLength: length,
  })
}

const headers = ({ bytes }: Frame) => headersOf(bytes, 0, bytes.length)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function codeLines({ file, line, first, lines }: NonNullable<StepHalt['source']>): string[] {
  const width = `${first + lines.length - 1}`.length
  const rows = lines.map(
    (code, i) => `${first + i === line ? '>' : ' '} ${`${first + i}`.padStart(width)}  ${code}`,
  )
  return ['', `${file}:`, ...rows]
}
