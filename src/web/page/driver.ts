/** The driver in motion: the parts of a device, and the frames that move through it. */

import { formatNumber } from '../../base/quantity.ts'
import type { DeviceId, DeviceRow, FeedMessage } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { h, svg } from './dom.ts'
import { type Dots, drawDots } from './driver-dots.ts'
import {
  type ArrowState,
  type Drawn,
  drawArrow,
  drawEnd,
  drawFrame,
  drawGroup,
  drawItem,
  type EndState,
  type ItemState,
} from './driver-draw.ts'
import { type Arrow, layout } from './driver-layout.ts'
import {
  type DrawnItem,
  labelLines,
  type Model,
  modelOf,
  type PartInfo,
  peerOf,
  type WireInfo,
} from './driver-model.ts'
import { NumbersTable } from './driver-numbers.ts'
import { CountRates, GSO_NOTE, MOST_DOTS, stateOf } from './driver-text.ts'
import { keptBody } from './kept.tsx'
import { placeHash } from './place.ts'
import { Rates } from './rates.ts'

export function driverView(app: App): View {
  return new DriverView(app)
}

class DriverView implements View {
  readonly Body = keptBody(this)
  readonly name = 'driver'
  readonly title = 'Driver'
  readonly wants = ['parts', 'wire'] as const
  readonly wantsPeer = true
  readonly element = h('div', { class: 'driver stack' })
  readonly #app: App
  readonly #picture = svg('svg', { role: 'group' })
  /** The picture and the dots that move over it. */
  readonly #canvas = h('div', { class: 'canvas' })
  readonly #hint = h('p', { class: 'muted', hidden: true }, 'Waiting for its parts.')
  readonly #legend = h(
    'p',
    { class: 'legend small muted' },
    `A dot is a frame, up to ${MOST_DOTS} per second. More frames are bigger dots.`,
  )
  readonly #numbers = new NumbersTable()
  readonly #note = h('p', { class: 'small muted' }, GSO_NOTE)
  readonly #rates = new Rates()
  readonly #counts = new Map<DeviceId, CountRates>()
  readonly #parts = new Map<DeviceId, readonly PartInfo[]>()
  #wire: WireInfo | undefined
  #wireOf: DeviceId | undefined
  #width = 0
  #isShown = false
  #isDue = false
  #key = ''
  #items = new Map<string, Drawn<ItemState>>()
  #arrows: readonly { readonly arrow: Arrow; readonly drawn: Drawn<ArrowState>; readonly dots: Dots }[] = []
  #isVertical = false
  #ends: { readonly near: Drawn<EndState>; readonly far: Drawn<EndState> } | undefined

  constructor(app: App) {
    this.#app = app
    const drawing = h('div', { class: 'drawing' }, this.#canvas)
    this.element.append(this.#hint, drawing, this.#legend, this.#numbers.element, this.#note)
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width
      this.#draw()
    }).observe(drawing)
  }

  receive(message: FeedMessage): void {
    if (message.type === 'stats') this.#rates.receive(message)
    else if (message.type === 'parts') {
      this.#parts.set(message.id, message.parts)
      const counted = message.parts.filter(({ count }) => count !== undefined)
      const counts = counted.map(({ kind, name, count }) => [`${kind} ${name}`, count!] as const)
      this.#countsOf(message.id).sample(message.time, new Map(counts))
    } else if (message.type === 'wire' && message.id === this.#app.device?.id) {
      this.#wire = message.wire
      this.#wireOf = message.id
    } else if (message.type !== 'hello') return
    this.#draw()
  }

  deviceChanged(): void {
    const { device, vnets } = this.#app
    const peer = device && peerOf(device, vnets)
    for (const id of this.#parts.keys()) if (id !== device?.id && id !== peer?.id) this.#parts.delete(id)
    for (const id of this.#counts.keys()) if (!this.#parts.has(id)) this.#counts.delete(id)
    if (device?.id !== this.#wireOf) this.#wire = undefined
    this.#draw()
  }

  #countsOf(id: DeviceId): CountRates {
    const counts = this.#counts.get(id) ?? new CountRates()
    this.#counts.set(id, counts)
    return counts
  }

  shown(): void {
    this.#isShown = true
    this.#draw()
  }

  hidden(): void {
    this.#isShown = false
  }

  /** At most once a frame of the screen, and never while the page is hidden. */
  #draw(): void {
    if (!this.#isShown || this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      this.#drawNow()
    })
  }

  #drawNow(): void {
    const { device, vnets } = this.#app
    const parts = device && this.#parts.get(device.id)
    this.#hint.hidden = parts !== undefined || device === undefined
    this.#canvas.hidden = parts === undefined
    this.#legend.hidden = this.#numbers.element.hidden = this.#note.hidden = parts === undefined
    if (device === undefined || parts === undefined || this.#width === 0) return
    const peer = peerOf(device, vnets)
    const peerParts = (peer && this.#parts.get(peer.id)) ?? []
    const model = modelOf({ device, vnets, parts, wire: this.#wire, peerParts })
    const ids = model.columns.flatMap(({ away, toward }) =>
      [away, toward].flatMap(group => [group?.id, ...(group?.items ?? []).map(sizeKey)]),
    )
    const key = JSON.stringify([device.id, device.label, peer?.label, model.far, this.#width, ids])
    if (key !== this.#key) this.#build(model)
    this.#key = key
    this.#update(model)
  }

  #build(model: Model): void {
    const { boxes, arrows, width, height, isVertical } = layout(model, this.#width)
    const { device, peer } = model
    const items = new Map<string, Drawn<ItemState>>()
    const elements: SVGElement[] = []
    const boxOf = (kind: 'near' | 'far') => boxes.find(box => box.kind === kind)!
    const ends = {
      near: drawEnd(boxOf('near'), kernelEnd(device, isVertical).lines.length),
      far: drawEnd(boxOf('far'), farEnd(model, isVertical).lines.length, this.#beyond(model)),
    }
    for (const box of boxes) {
      if (box.kind === 'near frame') elements.push(drawFrame(box, `vnet: ${device.driver}`))
      else if (box.kind === 'far frame') elements.push(drawFrame(box, `vnet: ${peer?.driver}`))
      else if (box.kind === 'group') elements.push(drawGroup(box))
      else if (box.kind === 'item') {
        const drawn = drawItem(box)
        items.set(box.id, drawn)
        elements.push(drawn.element)
      } else elements.push(ends[box.kind].element)
    }
    this.#arrows = arrows.map(arrow => ({
      arrow,
      drawn: drawArrow(arrow, isVertical),
      dots: drawDots(arrow, isVertical),
    }))
    this.#items = items
    this.#ends = ends
    this.#isVertical = isVertical
    this.#canvas.style.width = `${width}px`
    this.#canvas.replaceChildren(this.#picture, ...this.#arrows.map(({ dots }) => dots.element))
    this.#picture.setAttribute('width', `${width}`)
    this.#picture.setAttribute('height', `${height}`)
    this.#picture.setAttribute('aria-label', `The path of frames through ${device.label}`)
    this.#picture.replaceChildren(...elements, ...this.#arrows.map(({ drawn }) => drawn.element))
  }

  /** Where one sees more of the far end. */
  #beyond({ device, peer, far }: Model): string | undefined {
    if (peer !== undefined) return placeHash({ view: this.name, device: peer.id })
    return far === 'segment' ? placeHash({ view: 'lan', device: device.id }) : undefined
  }

  #update(model: Model): void {
    const { device, peer, columns } = model
    for (const { owner, away, toward } of columns) {
      const counts = this.#counts.get(owner === 'far' && peer !== undefined ? peer.id : device.id)
      for (const item of [...(away?.items ?? []), ...(toward?.items ?? [])]) {
        const key = item.kind === 'part' ? `${item.part.kind} ${item.part.name}` : ''
        this.#items.get(item.id)?.update({ item, perSecond: counts?.of(key) })
      }
    }
    const [near, far] = [this.#rates.of(device.id), peer && this.#rates.of(peer.id)]
    for (const { arrow, drawn, dots } of this.#arrows) {
      const { touches } = arrow
      const isFar = arrow.side === 'far' && peer !== undefined
      const counted = isFar ? far : near
      const isTx = (arrow.lane === 'away') !== isFar
      const rate = isTx ? counted?.txPackets : counted?.rxPackets
      const lost = (isTx ? counted?.txDrops : counted?.rxDrops) ?? 0
      const isCut = arrow.isCable && arrow.side === 'near' && device.isCut
      dots.update(isCut ? 0 : (rate ?? 0))
      drawn.update({
        rate,
        label: touches !== undefined && rate !== undefined ? `${formatNumber(rate)}/s` : '',
        drops: touches === (isFar ? 'far' : 'near') && lost > 0 ? `−${formatNumber(lost)}/s` : '',
        isCut,
        hasCarrier: !arrow.isCable || device.carrier,
      })
    }
    this.#ends?.near.update(kernelEnd(device, this.#isVertical))
    this.#ends?.far.update(farEnd(model, this.#isVertical))
    this.#numbers.update([device, ...(peer === undefined ? [] : [peer])], this.#rates)
  }
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
