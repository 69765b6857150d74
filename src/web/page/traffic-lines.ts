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
  deviceOf('Throughput, bit/s', 1000, 'no statistics yet', (samples, from) => bothDirections(samples, 'bits', from)),
  deviceOf('Frames per second', 10, 'no statistics yet', (samples, from) => bothDirections(samples, 'frames', from)),
  deviceOf('Dropped frames per second', 10, 'none in this time', drops),
  deviceOf('Frames waiting, peak per second', 10, 'no statistics yet', held),
  ...wirePlots('ab'),
  ...wirePlots('ba'),
]

type ContentOf = (samples: Samples | undefined, from: number) => PlotContent

function deviceOf(title: string, floor: number, empty: string, content: ContentOf): PlotSpec {
  return { title, unit: '', floor, empty, content: (history, id, from) => content(history.device(id), from) }
}

function wirePlots(direction: 'ab' | 'ba'): readonly PlotSpec[] {
  const plot = (title: string, unit: string, floor: number, content: typeof stages): PlotSpec => {
    const ofWire: PlotSpec['content'] = (history, id, from) => content(history.wire(id), from, direction)
    return { title: `Wire ${direction}: ${title}`, unit, floor, empty: undefined, content: ofWire }
  }
  return [plot('packets per second', '', 10, stages), plot('extra delay', 's', 1e-6, lateness)]
}

function bothDirections(samples: Samples | undefined, what: 'bits' | 'frames', from: number): PlotContent {
  if (samples === undefined) return NOTHING
  const line = (direction: 'tx' | 'rx'): PlotLine => {
    const values = samples.rate(`${direction} ${what}`, from)
    return { label: direction, colour: direction, isDashed: direction === 'rx', values }
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
  return contentOf(samples, from, lines.filter(isSeen))
}

function held(samples: Samples | undefined, from: number): PlotContent {
  const keys = samples?.levelKeys() ?? []
  const values = keys.map(key => samples?.level(key, from) ?? [])
  // Empty stages use up no line styles.
  const shown = keys.map((_, i) => i).filter(i => keys[i] === 'held' || isSeen({ values: values[i] }))
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
  return contentOf(samples, from, lines.filter(isSeen))
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

function isSeen({ values }: Pick<PlotLine, 'values'>): boolean {
  return values.some(value => value !== null && value > 0)
}
