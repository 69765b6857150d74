/** A view's filter, a pcap-filter(7) expression that the server compiles, and its fields. */
import { computed, effect, type Signal, signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { BpfProgram } from 'vnet/kit/packet'
import type { CommandResult, DeviceRow, FrameRow } from '../feed-types.ts'
import { type App, askAfterTyping } from './app.ts'

/** Whether the filter chooses a frame. */
export type FrameTest = (frame: FrameRow) => boolean

/** Empty values choose every frame. */
export const EVERY = { expression: '', direction: '', fate: '', queue: '', text: '' } as const
/** The values of the fields; an empty one chooses every frame. */
export type Wanted = Readonly<Record<keyof typeof EVERY, string>>

/** Words that pcap-filter(7) does not have or cannot decide here, and what to do instead. */
const INSTEAD: readonly (readonly [words: RegExp, advice: string])[] = [
  [/\b(dropped|passed|tx|rx)\b/i, "choose '$1' beside the filter"],
  [/\b(in|out)bound\b/i, "choose 'rx' or 'tx' beside the filter"],
  [/\bqueue\b/i, 'choose the queue beside the filter'],
  [/\bport\s*[<>=!]/i, 'write portrange 8000-8080'],
  [/\blen\s+\d/i, 'write len = 100'],
  [/"/, "type the text into 'contains' beside the filter"],
]

/** A filter with its error, for the fields and the view. */
export type FrameFilter = ReturnType<typeof frameFilter>

/** Returns the filter of a view. The server compiles the expression after typing pauses. */
export function frameFilter(
  app: Pick<App, 'device' | 'command'>,
  wanted: Signal<Wanted> = signal(EVERY),
) {
  /** Why the expression was refused. The last correct one applies until another is correct. */
  const error = signal('')
  const program = signal<BpfProgram | undefined>(undefined)
  const expression = computed(() => wanted.value.expression.trim())
  const hasDevice = computed(() => app.device !== undefined)
  const take = (text: string, result: CommandResult) => {
    if (result.ok) {
      program.value = result.program && new BpfProgram(result.program)
    }
    error.value = result.ok ? '' : adviceOn(text, result.message)
  }
  effect(() => {
    const text = expression.value
    if (text === '') {
      take(text, { ok: true })
    }
    if (text === '' || !hasDevice.value) return
    return askAfterTyping(app, { do: 'filter', text }, result => take(text, result))
  })
  /** Returns whether a frame passes; undefined if every frame does. */
  const passes = computed(() => frameTest(wanted.value, program.value))
  return { wanted, error, passes }
}

/** Returns the error line of an expression that the server refused. */
function adviceOn(text: string, message: string): string {
  for (const [words, advice] of INSTEAD) {
    const [found] = words.exec(text) ?? []
    if (found !== undefined) return `filter '${text}': ${found.replace(words, advice)}`
  }
  return message.includes('names are not looked up')
    ? `${message}; for a text, use 'contains' beside the filter`
    : message
}

/** Returns a test of frames; undefined if every frame is wanted. */
export function frameTest(wanted: Wanted, program: BpfProgram | undefined): FrameTest | undefined {
  const { direction, fate, queue, text } = wanted
  const part = text.toLowerCase()
  if (program === undefined && `${direction}${fate}${queue}${part}` === '') return undefined
  return frame =>
    ['', frame.direction].includes(direction) &&
    ['', frame.dropped === undefined ? 'passed' : 'dropped'].includes(fate) &&
    ['', `${frame.queue}`].includes(queue) &&
    hasText(frame, part) &&
    (program === undefined || program.runCutOff(bytesOf(frame), frame.length) !== 0)
}

const hasText = ({ text, dropped = '', headers }: FrameRow, part: string): boolean =>
  [text, dropped, ...headers.map(({ name }) => name)].some(each =>
    each.toLowerCase().includes(part),
  )

/** The bytes of frames, which several filters may read. */
const decoded = new WeakMap<FrameRow, Uint8Array>()

function bytesOf(frame: FrameRow): Uint8Array {
  const known = decoded.get(frame)
  if (known !== undefined) return known
  const bytes = Uint8Array.from(frame.bytes.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
  decoded.set(frame, bytes)
  return bytes
}

const TYPED = {
  type: 'search',
  class: 'mono',
  spellcheck: false,
  autocomplete: 'off',
  autocapitalize: 'off',
} as const

interface FieldsProps {
  readonly filter: FrameFilter
  /** The name of the expression's field. */
  readonly label: string
  /** The ids of the elements that describe it. */
  readonly describedBy: string
  readonly device: DeviceRow | undefined
  readonly disabled: boolean
  /** Whether dropped frames can be chosen: a frame that waits for a step has no fate yet. */
  readonly hasFate: boolean
  readonly input?: RefObject<HTMLInputElement | null>
  readonly pressed?: (event: KeyboardEvent) => void
}

export function FilterFields({ filter, device, disabled, hasFate, ...rest }: FieldsProps) {
  const { wanted, error } = filter
  const { txQueues = 1, rxQueues = 1 } = device ?? {}
  const queues = Math.max(txQueues, rxQueues, Number(wanted.value.queue) + 1)
  const field = (name: keyof Wanted) => ({
    disabled,
    value: wanted.value[name],
    onInput({ currentTarget }: { readonly currentTarget: HTMLInputElement | HTMLSelectElement }) {
      wanted.value = { ...wanted.value, [name]: currentTarget.value }
    },
  })
  const search = (name: 'expression' | 'text') => ({
    ...field(name),
    ...TYPED,
    onKeyDown(event: KeyboardEvent) {
      if (event.key === 'Escape') {
        wanted.value = { ...wanted.value, [name]: EVERY[name] }
      }
      rest.pressed?.(event)
    },
  })
  const choice = (
    name: 'direction' | 'fate' | 'queue',
    label: string,
    every: string,
    values: readonly string[],
  ) => (
    <select aria-label={label} {...field(name)}>
      <option value="">{every}</option>
      {values.map(value => (
        <option key={value} value={value}>
          {name === 'queue' ? `queue ${value}` : value}
        </option>
      ))}
    </select>
  )
  return (
    <>
      <input
        {...search('expression')}
        {...(rest.input && { ref: rest.input })}
        placeholder="pcap-filter: tcp port 80"
        aria-label={rest.label}
        aria-describedby={rest.describedBy}
        aria-invalid={error.value !== ''}
      />
      {choice('direction', 'Direction', 'tx and rx', ['tx', 'rx'])}
      {hasFate && choice('fate', 'Fate', 'any fate', ['passed', 'dropped'])}
      {queues > 1 && choice('queue', 'Queue', 'all queues', [...Array(queues).keys()].map(String))}
      <input {...search('text')} placeholder="contains" aria-label="Text in the frame" />
    </>
  )
}
