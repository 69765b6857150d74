/** Draws the boxes of a driver as SVG, and the dots that move between them. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useReducer, useRef } from 'preact/hooks'
import {
  type Drawing,
  type DriverBox,
  isDense,
  isRing,
  LINE,
  PAD,
  type Arrow as PlacedArrow,
  RING,
} from './driver-layout.ts'
import type { DrawnItem } from './driver-model.ts'
import {
  CHARACTER,
  clip,
  type Description,
  describeFold,
  describePart,
  describeStage,
  flowWidth,
  NOTHING_HELD,
  places,
} from './driver-text.ts'
import type { Flights } from './flights.ts'
import { Arrow, Box, type BoxLine, Cells, Circle, Cut, drawn, Label } from './shapes.tsx'

/** The free ends of an arrow's dots, for its head and for the edge of a box. */
const HEAD = 9
const TAIL = 2

/** The box of a part, or of a stage. */
export type ItemBox = Extract<DriverBox, { kind: 'item' }>

/** `perSecond` is the rate of the part's counter. */
export function Item({
  box,
  perSecond,
}: {
  readonly box: ItemBox
  readonly perSecond: number | undefined
}) {
  const { item } = box
  const shown = describe(item, perSecond)
  if (isRing(item, box.group)) return <Ring box={box} shown={shown} />
  return (
    <Row box={box} shown={shown} capacity={item.kind === 'part' ? item.part.capacity : undefined} />
  )
}

function describe(item: DrawnItem, perSecond: number | undefined): Description {
  if (item.kind === 'part') return describePart(item.part, perSecond)
  if (item.kind === 'stage') return describeStage(item.stage)
  if (item.kind === 'fold') return describeFold(item.name, item.parts)
  return {
    name: 'no stage',
    title: 'no stage',
    value: '',
    note: '',
    tone: 'plain',
    cells: 0,
    filled: 0,
  }
}

type ShapeProps = Readonly<{ box: ItemBox; shown: Description }>

function Shape({ box, shown, children }: ShapeProps & { readonly children: ComponentChildren }) {
  const { item, lane } = box
  return (
    <g class={`item ${item.kind} ${lane} ${shown.tone}`} {...drawn('img', shown.title)}>
      <title>{shown.title}</title>
      {children}
    </g>
  )
}

/** A dense group has value and note beside the name, and a thin bar. A stage has both below. */
function Row({ box, shown, capacity }: ShapeProps & { readonly capacity: number | undefined }) {
  const { x, y, width, group } = box
  const isThin = isDense(group)
  const noteLength =
    capacity === undefined ? 'holds 1.23k'.length : 2 * Math.max(3, places(capacity).length) + 1
  const noteWidth = isThin ? 0 : CHARACTER * noteLength + 4
  const beside = [shown.value, shown.note]
    .filter(words => words !== '' && words !== NOTHING_HELD)
    .join(', ')
  const value = isThin ? clip(beside, width - 8 * CHARACTER) : clip(shown.value, width)
  const valueWidth = value === '' ? 0 : (value.length + 1) * CHARACTER
  const cells = Math.min(shown.cells, Math.floor((width - noteWidth) / 4))
  const filled = shown.cells === 0 ? 0 : Math.ceil((shown.filled * cells) / shown.cells)
  const step = Math.min(10, (width - noteWidth) / cells)
  const bar = isThin ? { y: y + LINE - 1, height: 4 } : { y: y + LINE + 3, height: 10 }
  const isLeft = shown.cells === 0
  const isStage = box.item.kind === 'stage'
  const isBelow = isStage && !isThin
  const valueY = y + 13 + (isBelow ? LINE : 0)
  return (
    <Shape box={box} shown={shown}>
      <Label
        class="name"
        x={x}
        y={y + 13}
        text={shown.name}
        width={width - (isBelow ? 0 : valueWidth)}
      />
      <Label
        class={isStage ? 'value drop' : 'value'}
        x={x + width}
        y={valueY}
        anchor="end"
        text={value}
      />
      <Cells x={x} step={step} cells={cells} filled={filled} {...bar} />
      {!isThin && (
        <Label
          class="note"
          x={isLeft ? x : x + width}
          y={y + LINE + 13}
          anchor={isLeft ? 'start' : 'end'}
          text={shown.note}
          width={isLeft ? width - (isBelow ? valueWidth : 0) : noteWidth}
        />
      )}
    </Shape>
  )
}

function Ring({ box, shown }: ShapeProps) {
  const { x, y, width } = box
  const [cx, cy] = [x + width / 2, y + LINE + RING / 2]
  const { cells, filled } = shown
  const [length, capacity] = shown.note.split('/')
  return (
    <Shape box={box} shown={shown}>
      <Label
        class="name"
        x={x}
        y={y + 13}
        text={[shown.name, shown.value].filter(Boolean).join(', ')}
        width={width}
      />
      <Circle {...{ cx, cy, cells, filled }} outer={RING / 2 - 2} inner={RING / 2 - 11} />
      <Label class="note" x={cx} y={cy} anchor="middle" text={length} />
      <Label
        class="muted"
        x={cx}
        y={cy + 16}
        anchor="middle"
        text={capacity === undefined ? '' : `of ${capacity}`}
      />
    </Shape>
  )
}

interface ArrowProps {
  readonly arrow: PlacedArrow
  readonly isVertical: boolean
  readonly state: {
    readonly rate: number | undefined
    /** Above the arrow, or beside it; empty for no text. */
    readonly label: string
    /** Below it: frames dropped per second. */
    readonly drops: string
    readonly isCut: boolean
    readonly hasCarrier: boolean
  }
}

export function ArrowShape({ arrow, isVertical, state }: ArrowProps) {
  const { lane, x1, y1, x2, y2, touches } = arrow
  const { rate, label, drops, isCut, hasCarrier } = state
  const ends = [
    [x1, y1],
    [x2, y2],
  ] as const
  // At an end: the middle of the space that the frame beside it leaves free.
  const { shift, middle } = labelPlace(touches, y1, y2)
  const [x, y] = isVertical ? [x1, middle] : [(x1 + x2) / 2 + shift, y1]
  const [side, up, down] = isVertical ? [10, -2, 14] : [0, -10, 20]
  const anchor = isVertical ? 'start' : 'middle'
  return (
    <g class={`arrow ${lane}${isCut ? ' is-cut' : ''}${hasCarrier ? '' : ' drop'}`}>
      <title>{rate === undefined ? '' : `${Number(rate.toPrecision(4))} frames per second`}</title>
      <Arrow points={ends} />
      {isCut && <Cut x={x} y={y} />}
      <Label x={x + side} y={y + up} anchor={anchor} text={label} />
      <Label class="drops drop" x={x + side} y={y + down} anchor={anchor} text={drops} />
    </g>
  )
}

/**
 * A line that moves along an arrow, as wide as the rate in frames per second. It is an element over
 * the drawing, moved by `transform`: a browser moves such an element without painting anything
 * again, which it does not do inside of SVG.
 */
export function Flow({ arrow, rate }: { readonly arrow: PlacedArrow; readonly rate: number }) {
  const { lane, x1, y1, x2, y2 } = arrow
  const width = flowWidth(rate)
  const [dx, dy] = [Math.sign(x2 - x1), Math.sign(y2 - y1)]
  const style = {
    left: `${x1 + TAIL * dx}px`,
    top: `${y1 + TAIL * dy - width / 2}px`,
    width: `${Math.abs(x2 - x1 + y2 - y1) - HEAD - TAIL}px`,
    height: `${width}px`,
    transform: `rotate(${Math.atan2(dy, dx)}rad)`,
  }
  return (
    <div class={`flow ${lane}`} aria-hidden="true" hidden={width === 0} style={style}>
      <div class="stream" />
    </div>
  )
}

const STILL = '(prefers-reduced-motion: reduce)'

interface FramesProps {
  readonly flights: Flights
  readonly drawing: Drawing
  /** Whether the dots are drawn again for each frame of the screen. */
  readonly isMoving: boolean
}

/** A dot for each frame in flight. Without motion, only waiting and fallen dots are shown. */
export function Frames({ flights, drawing, isMoving }: FramesProps) {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0)
  useLayoutEffect(() => {
    if (!isMoving) return
    let request = requestAnimationFrame(function next() {
      if (!flights.isEmpty) {
        draw(undefined)
      }
      request = requestAnimationFrame(next)
    })
    return () => cancelAnimationFrame(request)
  }, [flights, isMoving])
  // Without the view, nothing reports what becomes of the frames.
  useLayoutEffect(() => () => flights.clear(), [flights])
  const isStill = matchMedia(STILL).matches
  // Messages draw the dots, too, which then remain where they are.
  const now = useRef(0)
  if (isMoving || now.current === 0) {
    now.current = Date.now()
  }
  const dots = flights
    .at(now.current, drawing)
    .filter(({ isWaiting, reason }) => !isStill || isWaiting || reason !== undefined)
  return (
    <div class="frames-on-the-way" aria-hidden="true">
      {dots.map(({ key, lane, x, y, isWaiting, reason, isHarmless, room }) => {
        const lost = isHarmless ? 'muted' : 'drop'
        const tone = reason === undefined ? lane : lost
        return (
          <span
            key={key}
            class={`frame-dot ${tone}${isWaiting ? ' waiting' : ''}`}
            style={{ transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)` }}
          >
            {reason !== undefined && (
              <span class="reason" style={{ maxWidth: room && `${room}px` }}>
                {reason}
              </span>
            )}
          </span>
        )
      })}
    </div>
  )
}

/** The texts of an end, and the link that it may be. */
export type EndState = Readonly<{
  lines: readonly BoxLine[]
  label: string
  href?: string | undefined
}>

/** An end of the path: a kernel, a segment, a driver. A link if it leads somewhere. */
export function End({ box, lines, label, href }: EndState & { readonly box: DriverBox }) {
  const inside = (
    <>
      <title>{label}</title>
      <Box box={box} lines={lines} />
    </>
  )
  return href === undefined ? (
    <g class="end" {...drawn('img', label)}>
      {inside}
    </g>
  ) : (
    <a class="end" href={href}>
      {inside}
    </a>
  )
}

/** Where the label of an arrow stands: how far beside its middle, and at which height. */
function labelPlace(touches: 'near' | 'far' | undefined, y1: number, y2: number) {
  if (touches === 'near') return { shift: -PAD / 2, middle: Math.min(y1, y2) + 20 }
  if (touches === 'far') return { shift: PAD / 2, middle: Math.max(y1, y2) - 24 }
  return { shift: 0, middle: (y1 + y2) / 2 }
}
