/** The plots, and the lines of each of them. */
import type { DeviceId, DeviceRow } from '../feed-types.ts'
import { directionName } from './driver-text.ts'
import { HARMLESS } from './rates.ts'
import type { History } from './traffic-history.ts'
import { OTHER, type Samples } from './traffic-samples.ts'

/** Variables of style.css that lines are drawn in. */
export const COLOURS = ['tx', 'rx', 'drop', 'warn', 'text', 'muted'] as const
export type LineColour = (typeof COLOURS)[number]

/** A line of a plot; null breaks it. */
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

/** A plot: its texts, and how its lines are made from the history. */
export interface PlotSpec {
  title(device: Pick<DeviceRow, 'isAttached'> | undefined): string
  readonly unit: string
  /** The axis reaches at least up to this value. */
  readonly floor: number
  /** The text that is shown without lines; undefined hides the plot. */
  readonly empty: string | undefined
  content(history: History, id: DeviceId, from: number): PlotContent
}

/** With two styles each, these can be distinguished. */
const COLOURS_OF_MANY: readonly LineColour[] = ['drop', 'tx', 'warn', 'rx', 'text', 'muted']
const LINES_MAX = 2 * COLOURS_OF_MANY.length
const coloursOf = (of: 'ab' | 'ba'): LineColour[] => [
  of === 'ab' ? 'tx' : 'rx',
  'warn',
  'text',
  'muted',
]

type LinesOf = (samples: Samples, from: number) => readonly PlotLine[]

export const PLOTS: readonly PlotSpec[] = [
  deviceOf('Throughput, bit/s', 1000, 'no statistics yet', bothDirections('bits')),
  deviceOf('Frames per second', 2, 'no statistics yet', bothDirections('frames')),
  deviceOf('Dropped frames per second', 2, 'none in this time', drops),
  deviceOf('Frames waiting, peak per second', 2, 'no statistics yet', held),
  ...(['ab', 'ba'] as const).flatMap(direction => [
    wireOf(direction, 'packets per second', '', 2, stages(direction)),
    wireOf(direction, 'extra delay', 's', 1e-6, lateness(direction)),
  ]),
]

function deviceOf(title: string, floor: number, empty: string, linesOf: LinesOf): PlotSpec {
  const content: PlotSpec['content'] = (history, id, from) =>
    contentOf(history.device(id), from, linesOf)
  return { title: () => title, unit: '', floor, empty, content }
}

function wireOf(
  direction: string,
  what: string,
  unit: string,
  floor: number,
  linesOf: LinesOf,
): PlotSpec {
  const content: PlotSpec['content'] = (history, id, from) =>
    contentOf(history.wire(id), from, linesOf)
  const title: PlotSpec['title'] = device => `Wire ${directionName(device, direction)}: ${what}`
  return { title, unit, floor, empty: undefined, content }
}

function contentOf(samples: Samples | undefined, from: number, linesOf: LinesOf): PlotContent {
  if (samples === undefined) return { times: [], lines: [], more: 0 }
  const lines = linesOf(samples, from)
  return {
    times: samples.times(from),
    lines: lines.slice(0, LINES_MAX),
    more: Math.max(lines.length - LINES_MAX, 0),
  }
}

function bothDirections(what: 'bits' | 'frames'): LinesOf {
  return (samples, from) =>
    (['tx', 'rx'] as const).map(direction => {
      const values = samples.rate(`${direction} ${what}`, from)
      return { label: direction, colour: direction, isDashed: direction === 'rx', values }
    })
}

/** A line per direction and reason: tx solid, rx dashed, in the reason's colour, or muted. */
function drops(samples: Samples, from: number): PlotLine[] {
  const keys = samples.rateKeys().filter(key => !/^[rt]x (bits|frames)$/.test(key))
  const reasons = [...new Set(keys.map(key => key.slice(3)))].filter(reason => reason !== HARMLESS)
  const lines = keys.map((key): PlotLine => {
    const { colour } = styleOf(reasons.indexOf(key.slice(3)))
    const label = key === OTHER ? 'other reasons' : key
    return { label, colour, isDashed: key.startsWith('rx '), values: samples.rate(key, from) }
  })
  return lines.filter(isSeen)
}

function held(samples: Samples, from: number): PlotLine[] {
  const lines = samples
    .levelKeys()
    .map(key => ({ key, label: heldLabel(key), values: samples.level(key, from) }))
  // Empty stages use up no line styles.
  const shown = lines.filter(line => line.key === 'held' || isSeen(line))
  return shown.map((line, i) => ({ ...line, ...styleOf(i + 1) }))
}

/** `ring rx ring` is the kind and the name of a part. */
function heldLabel(key: string): string {
  if (key === 'held') return 'held, in slots of the device'
  const [kind, ...name] = key.split(' ')
  return name.includes(kind) ? name.join(' ') : key
}

function stages(direction: 'ab' | 'ba'): LinesOf {
  // The rest of both directions is with the first.
  const isShown = (key: string) => (key === OTHER ? 'ab' : key.split(' ')[1]) === direction
  const labelOf = (key: string) =>
    key === OTHER ? 'others' : `${nameOf(key)}: ${key.split(' ')[0]}`
  return (samples, from) => {
    const keys = samples.rateKeys().filter(isShown)
    const lost = keys.filter(key => key.startsWith('dropped '))
    const look = (i: number) =>
      i < lost.length ? styleOf(i, ['drop']) : styleOf(i - lost.length, coloursOf(direction))
    return [...new Set([...lost, ...keys])]
      .map((key, i) => ({ label: labelOf(key), ...look(i), values: samples.rate(key, from) }))
      .filter(isSeen)
  }
}

/** Half of the packets solid, 99 % dashed, in the colour of the stage. */
function lateness(direction: 'ab' | 'ba'): LinesOf {
  return (samples, from) => {
    const keys = samples.levelKeys().filter(key => key.split(' ')[1] === direction)
    const names = [...new Set(keys.map(nameOf))]
    return keys.map((key): PlotLine => {
      const { colour } = styleOf(names.indexOf(nameOf(key)), coloursOf(direction))
      const of = key.slice(0, 3)
      return {
        label: `${nameOf(key)}: ${of}`,
        colour,
        isDashed: of === 'p99',
        values: samples.level(key, from),
      }
    })
  }
}

/** Returns `delay` from `p50 ab delay`. */
const nameOf = (key: string): string => key.split(' ').slice(2).join(' ')

function styleOf(index: number, colours = COLOURS_OF_MANY): Pick<PlotLine, 'colour' | 'isDashed'> {
  const count = colours.length
  return { colour: colours.at(index % count)!, isDashed: index % (2 * count) >= count }
}

const isSeen = ({ values }: Pick<PlotLine, 'values'>): boolean =>
  values.some(value => value !== null && value > 0)
