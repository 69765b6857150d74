/** The plots, and the lines of each of them. */
import type { DeviceId } from '../feed-types.ts'
import type { History } from './traffic-history.ts'
import { OTHER, type Samples } from './traffic-samples.ts'

/** Variables of style.css that lines are drawn in. */
export const COLOURS = ['tx', 'rx', 'drop', 'warn', 'text', 'muted'] as const
export type LineColour = (typeof COLOURS)[number]

export interface PlotLine {
  readonly label: string
  readonly colour: LineColour
  readonly isDashed: boolean
  readonly values: readonly (number | null)[]
}

/** The lines of a plot, each with a value for each of `times`, which are in seconds. */
export interface PlotContent {
  readonly times: readonly number[]
  readonly lines: readonly PlotLine[]
  /** The number of lines that are omitted, because there are too many to distinguish. */
  readonly more: number
}

export interface PlotSpec {
  readonly title: string
  /** The unit of the values on the axis. */
  readonly unit: string
  /** The axis reaches at least up to this value. */
  readonly floor: number
  /** The text that is shown without lines; undefined hides the plot. */
  readonly empty: string | undefined
  content(history: History, id: DeviceId, from: number): PlotContent
}

const NOTHING: PlotContent = { times: [], lines: [], more: 0 }
/** With two styles each, these can be distinguished. */
const COLOURS_OF_MANY: readonly LineColour[] = ['drop', 'tx', 'warn', 'rx', 'text', 'muted']
const LINES_MAX = 2 * COLOURS_OF_MANY.length

export const PLOTS: readonly PlotSpec[] = [
  {
    title: 'Throughput, bit/s',
    unit: '',
    floor: 1000,
    empty: 'no statistics yet',
    content: (history, id, from) => bothDirections(history.device(id), 'bits', from),
  },
  {
    title: 'Frames per second',
    unit: '',
    floor: 10,
    empty: 'no statistics yet',
    content: (history, id, from) => bothDirections(history.device(id), 'frames', from),
  },
  {
    title: 'Dropped frames per second',
    unit: '',
    floor: 10,
    empty: 'none in this time',
    content: (history, id, from) => drops(history.device(id), from),
  },
  {
    title: 'Frames waiting, peak per second',
    unit: '',
    floor: 10,
    empty: 'no statistics yet',
    content: (history, id, from) => held(history.device(id), from),
  },
  ...wirePlots('ab'),
  ...wirePlots('ba'),
]

function wirePlots(direction: 'ab' | 'ba'): readonly PlotSpec[] {
  return [
    {
      title: `Wire ${direction}: packets per second`,
      unit: '',
      floor: 10,
      empty: undefined,
      content: (history, id, from) => stages(history.wire(id), from, direction),
    },
    {
      title: `Wire ${direction}: extra delay`,
      unit: 's',
      floor: 1e-6,
      empty: undefined,
      content: (history, id, from) => lateness(history.wire(id), from, direction),
    },
  ]
}

function bothDirections(samples: Samples | undefined, what: 'bits' | 'frames', from: number): PlotContent {
  if (samples === undefined) return NOTHING
  const line = (direction: 'tx' | 'rx'): PlotLine => {
    return {
      label: direction,
      colour: direction,
      isDashed: direction === 'rx',
      values: samples.rate(`${direction} ${what}`, from),
    }
  }
  return { times: samples.times(from), lines: [line('tx'), line('rx')], more: 0 }
}

/** One line for each direction and reason: tx solid, rx dashed, in the colour of the reason. */
function drops(samples: Samples | undefined, from: number): PlotContent {
  const keys = samples?.rateKeys().filter(key => !/^[rt]x (bits|frames)$/.test(key)) ?? []
  const reasons = [...new Set(keys.map(key => key.slice(3)))]
  const lines = keys.map((key): PlotLine => {
    const colour = COLOURS_OF_MANY[reasons.indexOf(key.slice(3)) % COLOURS_OF_MANY.length]
    const label = key === OTHER ? 'other reasons' : key
    return { label, colour, isDashed: key.startsWith('rx '), values: samples?.rate(key, from) ?? [] }
  })
  return contentOf(
    samples,
    from,
    lines.filter(({ values }) => isSeen(values)),
  )
}

function held(samples: Samples | undefined, from: number): PlotContent {
  const keys = samples?.levelKeys() ?? []
  const values = keys.map(key => samples?.level(key, from) ?? [])
  // Empty stages use up no line styles.
  const shown = keys.map((_, i) => i).filter(i => keys[i] === 'held' || isSeen(values[i]))
  const lines = shown.map((i, n): PlotLine => ({ label: heldLabel(keys[i]), ...styleOf(n + 1), values: values[i] }))
  return contentOf(samples, from, lines)
}

/** `ring rx ring` is the kind and the name of a part. */
function heldLabel(key: string): string {
  if (key === 'held') return 'held, in slots of the device'
  const [kind, ...name] = key.split(' ')
  return name.includes(kind) ? name.join(' ') : key
}

function stages(samples: Samples | undefined, from: number, direction: string): PlotContent {
  // The rest of both directions is with the first.
  const keys = samples?.rateKeys().filter(key => (key === OTHER ? direction === 'ab' : key.split(' ')[1] === direction))
  const lines = (keys ?? []).map((key, i): PlotLine => {
    const [counter, , ...name] = key.split(' ')
    const label = key === OTHER ? 'others' : `${name.join(' ')}: ${counter}`
    return { label, ...styleOf(i), values: samples?.rate(key, from) ?? [] }
  })
  return contentOf(
    samples,
    from,
    lines.filter(({ values }) => isSeen(values)),
  )
}

/** Half of the packets solid, 99 % dashed, in the colour of the stage. */
function lateness(samples: Samples | undefined, from: number, direction: string): PlotContent {
  const keys = samples?.levelKeys().filter(key => key.split(' ')[1] === direction) ?? []
  const names = [...new Set(keys.map(nameOf))]
  const lines = keys.map((key): PlotLine => {
    const colour = COLOURS_OF_MANY[(names.indexOf(nameOf(key)) + 1) % COLOURS_OF_MANY.length]
    const of = key.slice(0, 3)
    const values = samples?.level(key, from) ?? []
    return { label: `${nameOf(key)}: ${of}`, colour, isDashed: of === 'p99', values }
  })
  return contentOf(samples, from, lines)
}

/** Returns `delay` from `p50 ab delay`. */
const nameOf = (key: string): string => key.split(' ').slice(2).join(' ')

function contentOf(samples: Samples | undefined, from: number, lines: readonly PlotLine[]): PlotContent {
  const more = Math.max(lines.length - LINES_MAX, 0)
  return samples === undefined ? NOTHING : { times: samples.times(from), lines: lines.slice(0, LINES_MAX), more }
}

function styleOf(index: number): Pick<PlotLine, 'colour' | 'isDashed'> {
  const count = COLOURS_OF_MANY.length
  return { colour: COLOURS_OF_MANY[index % count], isDashed: index % LINES_MAX >= count }
}

function isSeen(values: PlotLine['values']): boolean {
  return values.some(value => value !== null && value > 0)
}
