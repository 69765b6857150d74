/** The driver in motion: the parts of a device, and the frames that move through it. */
import { signal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { formatNumber } from '../../base/quantity.ts'
import type { DeviceCounters, DeviceId, DeviceRow } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { CommandBox } from './copy.tsx'
import { ArrowShape, End, type EndState, Flow, Frames, Group, Item, Outline } from './driver-draw.tsx'
import { type Arrow, type DriverBox, layout } from './driver-layout.ts'
import {
  type DrawnGroup,
  type DrawnItem,
  labelLines,
  type Model,
  modelOf,
  type PartInfo,
  peerOf,
  type StageReport,
} from './driver-model.ts'
import { CountRates, GSO_NOTE, MOST_DOTS, stateOf } from './driver-text.ts'
import { CAUSES, HARMLESS } from './drop-reason.ts'
import { Events } from './events.tsx'
import { Flights } from './flights.ts'
import { drawn, useWidth } from './hooks.ts'
import { placeHash } from './place.ts'
import { Heads } from './table.tsx'
import { stageName } from './traffic-history.ts'
import { whole } from './traffic-units.ts'

const COLUMNS = ['interface', 'frames/s', 'bit/s', 'frames', 'bytes', 'dropped', 'errors', 'timeouts'] as const
/** A narrow page does without the `whole` numbers. */
const CLASSES = ['', 'number', 'number', 'number whole', 'number whole', '', 'number', 'number'] as const
/** In the columns after the drops, all but 0 is red. */
const TROUBLE = 5
/** Kernels send fewer frames by themselves when an interface comes up. */
const FEW = 10
const LEGEND = `Up to ${MOST_DOTS} frames per second, a dot is a frame. Above, the width of a line is the rate.`
/** The seconds whose last sample is the present. */
const LATELY = 3
/** The colours of both directions: the device's transmit side is its peer's receive side. */
const LANES = ['tx', 'rx', 'rx', 'tx'] as const

/** The last parts of a device, and the rates of their counters. */
interface Parts {
  readonly parts: readonly PartInfo[]
  readonly rates: CountRates
}

export function driverView(app: App): View {
  const parts = signal<ReadonlyMap<DeviceId, Parts>>(new Map())
  const flights = new Flights()
  let shown: DeviceId | undefined
  return {
    name: 'driver',
    title: 'Driver',
    wants: ['parts', 'wire', 'flights'],
    wantsPeer: true,
    deviceChanged() {
      if (app.device?.id !== shown) flights.clear()
      shown = app.device?.id
    },
    receive(message) {
      const { device, vnets } = app
      if (message.type === 'flights' && message.id === device?.id) {
        flights.receive(message, peerOf(device, vnets) !== undefined)
      }
      if (message.type !== 'parts') return
      const shown = [device?.id, device && peerOf(device, vnets)?.id]
      const rates = parts.value.get(message.id)?.rates ?? new CountRates()
      const counted = message.parts.filter(({ count }) => count !== undefined)
      rates.sample(message.time, new Map(counted.map(({ kind, name, count }) => [`${kind} ${name}`, count!])))
      const others = [...parts.value].filter(([id]) => shown.includes(id))
      parts.value = new Map([...others, [message.id, { parts: message.parts, rates }]])
    },
    Body: () => <Driver app={app} parts={parts.value} flights={flights} />,
  }
}

interface DriverProps {
  readonly app: App
  readonly parts: ReadonlyMap<DeviceId, Parts>
  readonly flights: Flights
}

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
  const devices = model === undefined ? [] : [model.device, ...(model.peer === undefined ? [] : [model.peer])]
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
          <Hint counters={app.rates.counters(model.device.id)} line={model.device.hint} />
          <Events events={app.events.filter(({ id }) => id === model.device.id)} most={5} />
          <Numbers devices={devices} rates={app.rates} />
          <p class="small muted">{GSO_NOTE}</p>
        </>
      )}
    </div>
  )
}

interface HintProps {
  readonly counters: DeviceCounters | undefined
  readonly line: string | undefined
}

/** What to type, until frames have passed. */
function Hint({ counters, line }: HintProps) {
  if (line === undefined || counters === undefined || counters.txPackets + counters.rxPackets >= FEW) return null
  return (
    <div class="row hint">
      <span>Few frames yet. Send some from a terminal:</span>
      <CommandBox line={line} />
    </div>
  )
}

interface PictureProps extends DriverProps {
  readonly model: Model
  readonly width: number
}

function Picture({ app, model, parts, flights, width: whole }: PictureProps) {
  const { device, peer, columns } = model
  const ids = columns.flatMap(({ away, toward }) =>
    [away, toward].flatMap(group => [group?.id, ...(group?.items ?? []).map(sizeKey)]),
  )
  // The places depend on nothing else, and most messages change only what the items hold.
  const key = JSON.stringify([device.id, device.label, peer?.label, model.far, whole, ids])
  const drawing = useMemo(() => layout(model, whole), [key])
  const { boxes, arrows, width, height, isVertical } = drawing
  const lately = app.time / 1000 - LATELY
  const samples = app.history.wire(device.id)
  const dropsOf = (stage: StageReport) => samples?.rate(`dropped ${stageName(stage)}`, lately).at(-1) ?? 0
  const items = new Map<string, { readonly item: DrawnItem; readonly perSecond: number | undefined }>()
  for (const { owner, away, toward } of columns) {
    const counts = parts.get(owner === 'far' && peer !== undefined ? peer.id : device.id)?.rates
    for (const item of [...(away?.items ?? []), ...(toward?.items ?? [])]) {
      const key = item.kind === 'part' ? `${item.part.kind} ${item.part.name}` : ''
      items.set(item.id, { item, perSecond: item.kind === 'stage' ? dropsOf(item.stage) : counts?.of(key) })
    }
  }
  const isSlow = app.mayChange && flights.hasSome && isFewer(app.rates, device) && isFewer(app.rates, peer)
  const wire = columns.find(({ owner }) => owner === 'wire')
  const drop = (group: DrawnGroup | undefined) =>
    (group?.items ?? []).some(item => item.kind === 'stage' && dropsOf(item.stage) > 0)
  const isDropping = { away: drop(wire?.away), toward: drop(wire?.toward) }
  const shown = arrows.map(arrow => ({
    arrow,
    state: arrowState(app.rates, arrow, model, !isSlow && !isDropping[arrow.lane]),
  }))
  const box = (box: DriverBox) => {
    switch (box.kind) {
      case 'near frame':
        return <Outline key={box.id} box={box} text={`vnet: ${device.driver}`} />
      case 'far frame':
        return <Outline key={box.id} box={box} text={`vnet: ${peer?.driver}`} />
      case 'group':
        return <Group key={box.id} box={box} />
      case 'item':
        return <Item key={box.id} box={box} {...(items.get(box.id) ?? { item: box.item, perSecond: undefined })} />
      case 'near':
        return <End key={box.id} box={box} state={kernelEnd(device, isVertical)} />
      case 'far':
        return <End key={box.id} box={box} state={farEnd(model, isVertical)} href={beyond(model)} />
    }
  }
  return (
    <div class="canvas" style={{ width: `${width}px` }}>
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: its parts have titles of their own */}
      <svg width={width} height={height} {...drawn('group', `The path of frames through ${device.label}`)}>
        {boxes.map(box)}
        {shown.map(({ arrow, state }) => (
          <ArrowShape key={arrow.id} arrow={arrow} isVertical={isVertical} state={state} />
        ))}
      </svg>
      {isSlow ? (
        <Frames flights={flights} drawing={drawing} />
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
function arrowState(rates: App['rates'], arrow: Arrow, { device, peer }: Model, showsDrops: boolean) {
  const { touches } = arrow
  const isFar = arrow.side === 'far' && peer !== undefined
  const counted = rates.of(isFar ? peer.id : device.id)
  const isTx = (arrow.lane === 'away') !== isFar
  const rate = isTx ? counted?.txPackets : counted?.rxPackets
  const lost = (isTx ? counted?.txDrops : counted?.rxDrops) ?? 0
  return {
    rate,
    label: touches !== undefined && rate !== undefined ? `${formatNumber(rate)}/s` : '',
    drops: showsDrops && touches === (isFar ? 'far' : 'near') && lost > 0 ? `−${formatNumber(lost)}/s` : '',
    isCut: arrow.isCable && arrow.side === 'near' && device.isCut,
    hasCarrier: !arrow.isCable || device.carrier,
  }
}

/** Where one sees more of the far end. */
function beyond({ device, peer, far }: Model): string | undefined {
  if (peer !== undefined) return placeHash({ view: 'driver', device: peer.id })
  return far === 'segment' ? placeHash({ view: 'lan', device: device.id }) : undefined
}

/** The properties that decide about the place of an item. */
const sizeKey = (item: DrawnItem): string => (item.kind === 'fold' ? `${item.id} ${item.parts.length}` : item.id)

/** `isWide`: the end has room for the whole label in a line. */
function kernelEnd(device: DeviceRow, isWide: boolean): EndState {
  const { text, tone } = stateOf(device)
  const names = isWide ? [device.label] : labelLines(device)
  return {
    lines: [
      { text: 'kernel', tone: 'muted' },
      ...names.map((text, i) => ({ text, tone: i === names.length - 1 ? 'name' : 'muted' }) as const),
      { text, tone },
    ],
    label: `The kernel's network stack at ${device.label}: ${text}`,
  }
}

function farEnd({ device, peer, far }: Model, isWide: boolean): EndState {
  if (peer !== undefined) return kernelEnd(peer, isWide)
  if (far === 'segment') return { lines: [{ text: 'segment', tone: 'name' }], label: 'The segment with its hosts' }
  return {
    lines: [
      { text: 'driver', tone: 'muted' },
      { text: device.driver, tone: 'name' },
    ],
    label: `The driver ${device.driver}`,
  }
}

/** Frames that each device sent, received and dropped. */
function Numbers({ devices, rates }: { readonly devices: readonly DeviceRow[]; readonly rates: App['rates'] }) {
  const lines = devices.flatMap(({ id, label }) => {
    const [rate, counters] = [rates.of(id), rates.counters(id)]
    return (['tx', 'rx'] as const).map(
      direction =>
        [
          `${label} ${direction}`,
          [
            rate === undefined ? '' : formatNumber(rate[`${direction}Packets`]),
            rate === undefined ? '' : formatNumber(rate[`${direction}Bits`]),
            whole(counters?.[`${direction}Packets`] ?? 0),
            whole(counters?.[`${direction}Bytes`] ?? 0),
            counters?.drops[direction] ?? {},
            whole(counters?.[`${direction}Errors`] ?? 0),
            direction === 'tx' ? whole(counters?.txTimeouts ?? 0) : '',
          ],
        ] as const,
    )
  })
  return (
    <div class="numbers scroll">
      <table>
        <Heads titles={COLUMNS} classOf={i => CLASSES[i]} />
        <tbody>
          {lines.map(([name, cells], row) => (
            <tr key={name}>
              <th scope="row" class={`mono ${LANES[row]}`}>
                {name}
              </th>
              {cells.map((cell, i) => (
                <td key={i} class={`${CLASSES[i + 1]}${i >= TROUBLE && cell !== '0' ? ' drop' : ''}`}>
                  {typeof cell === 'string' ? cell : <Drops drops={cell} />}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
          <abbr class={reason === HARMLESS ? 'muted' : 'drop'} title={CAUSES[reason]}>
            {reason}
          </abbr>
        </span>
      ))}
    </>
  )
}
