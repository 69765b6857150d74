/** The driver in motion: the parts of a device, and the frames that move through it. */
import { effect, signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { formatNumber } from 'vnet/kit/base'
import type { DeviceId, DeviceRow, PartInfo, StageReport } from '../feed-types.ts'
import { type App, placeHash, type View } from './app.ts'
import { ArrowShape, End, type EndState, Flow, Frames, Item, type ItemBox } from './driver-draw.tsx'
import { type Arrow, type DriverBox, layout } from './driver-layout.ts'
import type { Lane, Model } from './driver-model.ts'
import { modelOf, peerOf } from './driver-model.ts'
import { GSO_NOTE, labelLines, MOST_DOTS, stateOf, whole } from './driver-text.ts'
import { DROP_CAUSES } from './drop-cause.ts'
import { Events } from './events.tsx'
import { Flights } from './flights.ts'
import { HARMLESS } from './rates.ts'
import { drawn, Titled } from './shapes.tsx'
import {
  type Column,
  CommandBox,
  numbers,
  SCROLLABLE,
  Table,
  troubles,
  useInSight,
  useWidth,
} from './table.tsx'
import { stageName } from './traffic-history.ts'
import { Samples } from './traffic-samples.ts'

/** Kernels send fewer frames by themselves when an interface comes up. */
const FEW = 10
const LEGEND = `Up to ${MOST_DOTS} frames per second, a dot is a frame. Above, the width of a line is the rate.`
/** The seconds up to the present sample. */
const LATELY = 3

type Parts = Readonly<{ parts: readonly PartInfo[]; counts: Samples }>

export function driverView(app: App): View {
  const parts = signal<ReadonlyMap<DeviceId, Parts>>(new Map())
  const flights = new Flights()
  let shown: DeviceId | undefined
  effect(() => flights.pause(app.isPaused))
  return {
    name: 'driver',
    title: 'Driver',
    wants: ['parts', 'wire', 'flights'],
    wantsPeer: true,
    deviceChanged() {
      if (app.device?.id !== shown) {
        flights.clear()
      }
      shown = app.device?.id
    },
    receive(message) {
      const { device, vnets } = app
      if (message.type === 'flights' && message.id === device?.id) {
        flights.receive(message, peerOf(device, vnets) !== undefined)
      }
      if (message.type !== 'parts') return
      const shownIds = [device?.id, device && peerOf(device, vnets)?.id]
      const counts = parts.value.get(message.id)?.counts ?? new Samples()
      const counted = message.parts.flatMap(({ kind, name, count }) =>
        count === undefined ? [] : [[`${kind} ${name}`, count] as const],
      )
      counts.add(message.time, Object.fromEntries(counted), {})
      const others = [...parts.value].filter(([id]) => shownIds.includes(id))
      parts.value = new Map([...others, [message.id, { parts: message.parts, counts }]])
    },
    Body: () => <Driver app={app} parts={parts.value} flights={flights} />,
  }
}

type DriverProps = Readonly<{ app: App; parts: ReadonlyMap<DeviceId, Parts>; flights: Flights }>

function Driver({ app, parts, flights }: DriverProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const { device, vnets } = app
  const own = device && parts.get(device.id)
  /** A deleted device keeps its last drawing. */
  const last = useRef<Model | undefined>(undefined)
  if (device !== undefined) {
    const peer = peerOf(device, vnets)
    const peerParts = (peer && parts.get(peer.id)?.parts) ?? []
    const wire = app.last('wire')?.wire
    last.current = own && modelOf({ device, vnets, parts: own.parts, wire, peerParts })
  }
  const model = last.current
  const devices =
    model === undefined ? [] : [model.device, ...(model.peer === undefined ? [] : [model.peer])]
  return (
    <div class={device === undefined ? 'driver stack gone' : 'driver stack'}>
      {device !== undefined && model === undefined && <p class="muted">Waiting for its parts.</p>}
      <div class="drawing" ref={ref}>
        {model !== undefined && width > 0 && (
          <Picture app={app} parts={parts} flights={flights} model={model} width={width} />
        )}
      </div>
      {model !== undefined && (
        <>
          <p class="legend small muted">{LEGEND}</p>
          <Hint rates={app.rates} device={model.device} />
          <Events events={app.events.filter(({ id }) => id === model.device.id)} most={5} />
          <Numbers devices={devices} rates={app.rates} />
          <p class="small muted">{GSO_NOTE}</p>
        </>
      )}
    </div>
  )
}

/** What to type, until frames have passed. */
function Hint({
  rates,
  device: { id, hint },
}: {
  readonly rates: App['rates']
  readonly device: DeviceRow
}) {
  const counters = rates.counters(id)
  if (
    hint === undefined ||
    counters === undefined ||
    counters.txPackets + counters.rxPackets >= FEW
  ) {
    return null
  }
  return (
    <div class="row hint">
      <span>Few frames yet. Send some from a terminal:</span>
      <CommandBox line={hint} />
    </div>
  )
}

interface PictureProps extends DriverProps {
  readonly model: Model
  readonly width: number
}

function Picture({ app, model, parts, flights, width: fullWidth }: PictureProps) {
  const { device, peer } = model
  const [canvas, isInSight] = useInSight<HTMLDivElement>()
  const isMoving = isInSight && !app.isPaused
  const drawing = layout(model, fullWidth)
  const { boxes, arrows, width, height, isVertical } = drawing
  const lately = app.time / 1000 - LATELY
  const samples = app.history.wire(device.id)
  const dropsOf = (stage: StageReport) =>
    samples?.rate(`dropped ${stageName(stage)}`, lately).at(-1) ?? 0
  const perSecond = ({ item, group }: ItemBox) => {
    const counts = parts.get(
      group.id.startsWith('far') && peer !== undefined ? peer.id : device.id,
    )?.counts
    if (item.kind !== 'part') return undefined
    return counts?.rate(`${item.part.kind} ${item.part.name}`, lately).at(-1) ?? undefined
  }
  const isSlow =
    app.mayChange && flights.hasSome && isFewer(app.rates, device) && isFewer(app.rates, peer)
  const isDropping = (lane: Lane) =>
    boxes.some(
      box =>
        box.kind === 'item' &&
        box.lane === lane &&
        box.item.kind === 'stage' &&
        dropsOf(box.item.stage) > 0,
    )
  const shown = arrows.map(arrow => ({
    arrow,
    state: arrowState(app.rates, arrow, model, !isSlow && !isDropping(arrow.lane)),
  }))
  const drawBox = (box: DriverBox) => {
    switch (box.kind) {
      case 'near frame':
        return <Titled key={box.id} box={box} look="outline" title={`vnet: ${device.driver}`} />
      case 'far frame':
        return <Titled key={box.id} box={box} look="outline" title={`vnet: ${peer?.driver}`} />
      case 'group':
        return <Titled key={box.id} box={box} look={`group ${box.lane}`} title={box.group.title} />
      case 'item':
        return <Item key={box.id} box={box} perSecond={perSecond(box)} />
      case 'near':
        return <End key={box.id} box={box} {...kernelEnd(device, isVertical)} />
      case 'far':
        return <End key={box.id} box={box} {...farEnd(model, isVertical)} />
    }
  }
  return (
    <div
      ref={canvas}
      class={isMoving ? 'canvas' : 'canvas still'}
      style={{ position: 'relative', width: `${width}px` }}
    >
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: its parts have titles of their own */}
      <svg
        width={width}
        height={height}
        {...drawn('group', `The path of frames through ${device.label}`)}
      >
        {boxes.map(drawBox)}
        {shown.map(({ arrow, state }) => (
          <ArrowShape key={arrow.id} arrow={arrow} isVertical={isVertical} state={state} />
        ))}
      </svg>
      {isSlow ? (
        <Frames flights={flights} drawing={drawing} isMoving={isMoving} />
      ) : (
        shown.map(({ arrow, state }) => (
          <Flow key={arrow.id} arrow={arrow} rate={state.isCut ? 0 : (state.rate ?? 0)} />
        ))
      )}
    </div>
  )
}

/** Whether each frame of a device can be a dot. */
function isFewer(rates: App['rates'], device: DeviceRow | undefined): boolean {
  const { txPackets = 0, rxPackets = 0 } = (device && rates.of(device.id)) ?? {}
  return Math.max(txPackets, rxPackets) <= MOST_DOTS
}

/** `showsDrops`: no stage of the wire, and no dot, shows them. */
function arrowState(
  rates: App['rates'],
  arrow: Arrow,
  { device, peer }: Model,
  showsDrops: boolean,
) {
  const { touches } = arrow
  const isFar = arrow.side === 'far' && peer !== undefined
  const counted = rates.of(isFar ? peer.id : device.id)
  const isTx = (arrow.lane === 'away') !== isFar
  const rate = isTx ? counted?.txPackets : counted?.rxPackets
  const lost = (isTx ? counted?.txDrops : counted?.rxDrops) ?? 0
  return {
    rate,
    label: touches !== undefined && rate !== undefined ? `${formatNumber(rate)}/s` : '',
    drops:
      showsDrops && touches === (isFar ? 'far' : 'near') && lost > 0
        ? `−${formatNumber(lost)}/s`
        : '',
    isCut: arrow.isCable && arrow.side === 'near' && device.isCut,
    hasCarrier: !arrow.isCable || device.carrier,
  }
}

/** `isWide`: the end has room for the whole label in a line. */
function kernelEnd(device: DeviceRow, isWide: boolean): EndState {
  const { text, tone } = stateOf(device)
  const names = isWide ? [device.label] : labelLines(device)
  return {
    lines: [
      { text: 'kernel', tone: 'muted' },
      ...names.map(
        (name, i) => ({ text: name, tone: i === names.length - 1 ? 'name' : 'muted' }) as const,
      ),
      { text, tone },
    ],
    label: `The kernel's network stack at ${device.label}: ${text}`,
  }
}

/** It leads to where one sees more of the far end. */
function farEnd({ device, peer, far }: Model, isWide: boolean): EndState {
  if (peer !== undefined) {
    return { ...kernelEnd(peer, isWide), href: placeHash({ view: 'driver', device: peer.id }) }
  }
  if (far === 'segment') {
    const href = placeHash({ view: 'lan', device: device.id })
    return { lines: [{ text: 'segment', tone: 'name' }], label: 'The segment with its hosts', href }
  }
  return {
    lines: [
      { text: 'driver', tone: 'muted' },
      { text: device.driver, tone: 'name' },
    ],
    label: `The driver ${device.driver}`,
  }
}

type Direction = 'tx' | 'rx'
type DeviceDirection = Readonly<{ device: DeviceRow; direction: Direction; colour: Direction }>

function Numbers({
  devices,
  rates,
}: {
  readonly devices: readonly DeviceRow[]
  readonly rates: App['rates']
}) {
  const rows = devices.flatMap((device, i): DeviceDirection[] => [
    { device, direction: 'tx', colour: i === 0 ? 'tx' : 'rx' },
    // A peer receives in the colour in which the device transmits.
    { device, direction: 'rx', colour: i === 0 ? 'rx' : 'tx' },
  ])
  const nameOf = ({ device, direction }: DeviceDirection) => `${device.label} ${direction}`
  const countersOf = ({ device }: DeviceDirection) => rates.counters(device.id)
  const rate = (what: 'Packets' | 'Bits') => (row: DeviceDirection) => {
    const current = rates.of(row.device.id)
    return current === undefined ? '' : formatNumber(current[`${row.direction}${what}`])
  }
  const count = (what: 'Packets' | 'Bytes' | 'Errors') => (row: DeviceDirection) =>
    whole(countersOf(row)?.[`${row.direction}${what}`] ?? 0)
  const columns: readonly Column<DeviceDirection>[] = [
    { title: 'interface', cell: row => <span class={`mono ${row.colour}`}>{nameOf(row)}</span> },
    numbers('frames/s', rate('Packets')),
    numbers('bit/s', rate('Bits')),
    numbers('frames', count('Packets'), 'whole'),
    numbers('bytes', count('Bytes'), 'whole'),
    {
      title: 'dropped',
      cell: row => <Drops drops={countersOf(row)?.drops[row.direction] ?? {}} />,
    },
    troubles('errors', count('Errors')),
    troubles('timeouts', row =>
      row.direction === 'tx' ? whole(countersOf(row)?.txTimeouts ?? 0) : '',
    ),
  ]
  return (
    <section class="numbers scroll" aria-label="Counters" {...SCROLLABLE}>
      <Table columns={columns} rows={rows} keyOf={nameOf} />
    </section>
  )
}

/** `15: 12 FULL_RING, 3 NOMEM`; a reason is explained when the pointer or the focus is on it. */
function Drops({ drops }: { readonly drops: Readonly<Record<string, number>> }) {
  const reasons = Object.entries(drops)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
  if (reasons.length === 0) return <>0</>
  const sum = reasons.reduce((total, [, count]) => total + count, 0)
  return (
    <>
      {reasons.length > 1 && `${whole(sum)}: `}
      {reasons.map(([reason, count], i) => (
        <span key={reason}>
          {`${i === 0 ? '' : ', '}${whole(count)} `}
          <abbr class={reason === HARMLESS ? 'muted' : 'drop'} title={DROP_CAUSES[reason]}>
            {reason}
          </abbr>
        </span>
      ))}
    </>
  )
}
