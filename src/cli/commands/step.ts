/** `vnet step IF [on|off|next]`: prints the frame that waits for a step, and what runs next. */
import type { ControlClient, FoundDevice, StepHalt, StepState } from '../../control/index.ts'
import { UsageError } from '../../netdev/driver.ts'
import { printable } from '../../netdev/printable.ts'
import { print } from '../../packet/print.ts'
import { type AskOptions, askInterface } from '../ask.ts'
import { label } from '../device-words.ts'
import type { Io } from '../io.ts'

interface StepOptions extends AskOptions {
  /** ms */
  readonly every?: number
  readonly json?: boolean
}

/** Bytes of a frame in one line of the dump. */
const ROW = 16

export function step(
  name: string,
  mode: 'on' | 'off' | 'next' | undefined,
  { every, json, ...options }: StepOptions,
  io: Io,
): Promise<number> {
  if (every !== undefined && mode !== 'on') throw new UsageError('--every belongs to `step IF on`')
  const ask = async (client: ControlClient, device: FoundDevice) => {
    const state = await client.step(device.vnet, device, mode, { every })
    if (json) io.out(`${JSON.stringify({ event: 'step', ...stepWords(state) })}\n`)
    else for (const line of stepLines(state)) io.out(`${printable(line)}\n`)
  }
  return askInterface(name, io, ask, options)
}

function stepWords({ mode, every, halt }: StepState) {
  if (halt === undefined) return { mode, every, halt: null }
  const { number, device, queue, next, frame, source } = halt
  const { length, bytes = new Uint8Array() } = frame ?? {}
  const shown = frame && { length, text: print(bytes, 0, bytes.length), bytes: Buffer.from(bytes).toString('hex') }
  return { mode, every, halt: { step: number, interface: label(device), queue, next, frame: shown ?? null, source } }
}

/** Returns the lines that are printed. */
export function stepLines({ mode, halt }: StepState): string[] {
  if (mode === 'off') return ['off']
  return halt === undefined ? ['on: no frame waits'] : haltLines(halt)
}

function haltLines({ number, device, queue, next, frame, source }: StepHalt): string[] {
  const head = `step ${number} of 5, ${label(device)}, queue ${queue}: ${next}`
  return [head, ...(frame === undefined ? [] : frameLines(frame)), ...(source === undefined ? [] : codeLines(source))]
}

function frameLines({ length, bytes }: NonNullable<StepHalt['frame']>): string[] {
  const rows = Array.from({ length: Math.ceil(bytes.length / ROW) }, (_, i) => {
    const hex = [...bytes.subarray(i * ROW, (i + 1) * ROW)].map(byte => byte.toString(16).padStart(2, '0'))
    return `  ${(i * ROW).toString(16).padStart(4, '0')}  ${hex.join(' ')}`
  })
  return ['', `${length} bytes: ${print(bytes, 0, bytes.length)}`, ...rows]
}

function codeLines({ file, line, lines }: NonNullable<StepHalt['source']>): string[] {
  const width = `${line + lines.length - 1}`.length
  const rows = lines.map((text, i) => `${i === 0 ? '>' : ' '} ${`${line + i}`.padStart(width)}  ${text}`)
  return ['', `${file}:`, ...rows]
}
