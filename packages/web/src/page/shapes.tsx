/** Shapes of drawings: of the views here, and of the figures in the docs (scripts/figures.mjs). */
import { LINE, PAD, type Rect } from './driver-layout.ts'
import { clip, type Tone } from './driver-text.ts'

/** The attributes of a drawing, or of a part of one, for readers of the screen. */
export const drawn = (role: 'img' | 'group', label: string) => ({ role, 'aria-label': label })

interface LabelProps {
  readonly class?: string | undefined
  readonly x: number
  /** The base line. */
  readonly y: number
  readonly text: string
  /** Longer text is shortened. */
  readonly width?: number
  readonly anchor?: 'start' | 'middle' | 'end' | undefined
}

export const Label = ({ text, width = Number.POSITIVE_INFINITY, anchor, ...place }: LabelProps) => (
  <text {...place} text-anchor={anchor}>
    {clip(text, width)}
  </text>
)

export type BoxLine = Readonly<{ text: string; tone?: Tone | 'name' | 'muted' }>

/** A box with lines of text in its middle. */
export function Box({ box, lines }: { readonly box: Rect; readonly lines: readonly BoxLine[] }) {
  const { x, y, width, height } = box
  const [middle, top] = [x + width / 2, y + height / 2 - (lines.length * LINE) / 2 + 13]
  return (
    <>
      <rect class="box" x={x} y={y} width={width} height={height} rx={4} />
      {lines.map(({ text, tone = 'plain' }, i) => (
        <Label
          key={i}
          class={tone}
          x={middle}
          y={top + i * LINE}
          anchor="middle"
          text={text}
          width={width - 4}
        />
      ))}
    </>
  )
}

/** A group of parts, or the frame around all groups of a vnet. */
export function Titled({ box, look, title }: Readonly<{ box: Rect; look: string; title: string }>) {
  const { x, y, width, height } = box
  return (
    <g>
      <rect class={look} x={x} y={y} width={width} height={height} rx={4} />
      <Label class="title muted" x={x + PAD} y={y + 17} text={title} />
    </g>
  )
}

interface CellsProps {
  readonly cells: number
  /** The number of filled cells, the first ones. */
  readonly filled: number
}

const classes = ({ cells, filled }: CellsProps) =>
  Array.from({ length: cells }, (_, i) => (i < filled ? 'cell filled' : 'cell'))

type RowProps = CellsProps & Omit<Rect, 'width'> & { readonly step: number }

/** A queue: cells in a row. `step` is the distance from one to the next. */
export function Cells({ x, y, height, step, ...cells }: RowProps) {
  const place = { y, height, width: Math.max(1.5, step - 1) }
  return (
    <g class="cells">
      {classes(cells).map((name, i) => (
        <rect key={i} class={name} x={x + i * step} {...place} />
      ))}
    </g>
  )
}

interface CircleProps
  extends CellsProps,
    Readonly<Record<'cx' | 'cy' | 'outer' | 'inner', number>> {
  /** How many cells after the top the first one starts. */
  readonly from?: number
}

/** A ring: cells in a circle, clockwise. */
export function Circle({ cx, cy, outer, inner, from = 0, ...cells }: CircleProps) {
  const space = cells.cells === 1 ? 0 : Math.min(0.06, 2 / cells.cells)
  const turn = (part: number) => (2 * Math.PI * (from + part)) / cells.cells - Math.PI / 2
  const piece = (i: number) =>
    arc(cx, cy, outer, inner, turn(i) + space / 2, turn(i + 1) - space / 2)
  return (
    <g class="cells">
      {classes(cells).map((name, i) => (
        <path key={i} class={name} d={piece(i)} />
      ))}
    </g>
  )
}

function arc(
  cx: number,
  cy: number,
  outer: number,
  inner: number,
  from: number,
  to: number,
): string {
  const at = (radius: number, angle: number) =>
    `${(cx + radius * Math.cos(angle)).toFixed(2)} ${(cy + radius * Math.sin(angle)).toFixed(2)}`
  const end = Math.min(to, from + 2 * Math.PI - 0.001)
  const large = end - from > Math.PI ? 1 : 0
  const there = `M${at(outer, from)}A${outer} ${outer} 0 ${large} 1 ${at(outer, end)}`
  return `${there}L${at(inner, end)}A${inner} ${inner} 0 ${large} 0 ${at(inner, from)}Z`
}

/** A line through points, with a head at the last one, which it reaches from a side. */
export function Arrow({ points }: { readonly points: readonly (readonly [number, number])[] }) {
  const [[x1, y1], [x2, y2]] = points.slice(-2)
  const [dx, dy] = [Math.sign(x2 - x1), Math.sign(y2 - y1)]
  const [hx, hy] = [x2 - 7 * dx, y2 - 7 * dy]
  return (
    <>
      <path class="line" d={`M${points.map(point => point.join(' ')).join('L')}`} />
      <path
        class="head"
        d={`M${x2} ${y2}L${hx + 4 * dy} ${hy + 4 * dx}L${hx - 4 * dy} ${hy - 4 * dx}Z`}
      />
    </>
  )
}

/** A cross on an arrow on which nothing passes. */
export const Cut = ({ x, y }: Pick<Rect, 'x' | 'y'>) => (
  <path class="cut drop" d={`M${x - 6} ${y - 6}l12 12m0 -12l-12 12`} />
)

/** An interrupt, on its arrow. */
export const Bolt = ({ x, y }: Pick<Rect, 'x' | 'y'>) => (
  <path class="bolt" d={`M${x + 3} ${y - 11}l-8 12h5l-3 10l8 -12h-5z`} />
)

/** A frame. */
export const Dot = ({ x, y }: Pick<Rect, 'x' | 'y'>) => <circle class="dot" cx={x} cy={y} r={5} />
