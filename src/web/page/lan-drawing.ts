/** Draws the picture of a segment. */
import type { DeviceRow } from '../feed-types.ts'
import { fill, h, svg } from './dom.ts'
import { columnsIn, groupsOf, LINE, layout, PADDING, type PlacedBox, type SegmentPicture, STUB } from './lan-picture.ts'

/** The width of a character of the names and addresses, in pixels. */
const CHARACTER = 7.9
/** Hosts that are drawn: these rows, but not fewer than this. */
const HOST_ROWS = 2
const LEAST_HOSTS = 6

export class LanDrawing {
  readonly element: HTMLElement
  readonly #drawing = svg('svg', { class: 'segment', role: 'img', 'aria-label': 'Ports and hosts of the segment' })
  #segment: SegmentPicture | undefined
  #own: DeviceRow | undefined
  #allHosts: number | undefined
  #width = 0
  #drawn = ''

  constructor() {
    this.element = h('div', { class: 'segment-box' }, this.#drawing)
    new ResizeObserver(([entry]) => {
      this.#width = Math.floor(entry?.contentRect.width ?? 0)
      this.#draw()
    }).observe(this.element)
  }

  /** Draws a segment; `own` is the port that is looked at. */
  draw(segment: SegmentPicture, own: DeviceRow | undefined, allHosts: number | undefined): void {
    this.#segment = segment
    this.#own = own
    this.#allHosts = allHosts
    this.#draw()
  }

  #draw(): void {
    if (this.#width === 0 || this.#segment === undefined) return
    const groups = groupsOf(this.#segment, Math.max(LEAST_HOSTS, HOST_ROWS * columnsIn(this.#width)), this.#allHosts)
    const drawn = JSON.stringify([this.#width, this.#own?.id, groups])
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    const { height, boxes, rails, titles, trunk } = layout(groups, this.#width - 2)
    this.#drawing.setAttribute('width', `${this.#width}`)
    this.#drawing.setAttribute('height', `${height}`)
    fill(
      this.#drawing,
      svg('line', { class: 'rail', x1: trunk.x, x2: trunk.x, y1: trunk.y, y2: trunk.end }),
      ...rails.map(({ x, end, y }) => svg('line', { class: 'rail', x1: x, x2: end, y1: y, y2: y })),
      ...titles.map(({ text, x, y }) => svg('text', { class: 'title', x, y }, text)),
      ...boxes.map(box => this.#box(box)),
    )
  }

  #box(box: PlacedBox): SVGElement {
    const { kind, lines, x, y, width, height } = box
    const isOwn = kind === 'port' && lines[0] === this.#own?.name
    const most = Math.floor((width - 2 * PADDING) / CHARACTER)
    const middle = x + width / 2
    const texts = lines.map((line, i) => {
      const at = { x: x + PADDING, y: y + PADDING + (i + 1) * LINE - 5, class: i === 0 ? 'name' : 'address' }
      return svg('text', at, line.length > most ? `${line.slice(0, most - 1)}…` : line)
    })
    return svg(
      'g',
      { class: `station ${kind}${isOwn ? ' own' : ''}` },
      svg('title', {}, `${kind === 'more' ? '' : `${kind} `}${lines.join('\n')}`),
      svg('line', { class: 'rail', x1: middle, x2: middle, y1: y - STUB, y2: y }),
      svg('rect', { x, y, width, height, rx: 4 }),
      ...texts,
    )
  }
}
