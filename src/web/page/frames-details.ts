/** The decoded headers of a frame, and its bytes. */
import type { FrameRow } from '../feed-types.ts'
import { copyButton } from './command-box.ts'
import { fill, h } from './dom.ts'
import { hexDump, timeText, verdict } from './frames-text.ts'

export class FrameDetails {
  readonly element: HTMLElement
  readonly #close: () => void

  constructor(close: () => void) {
    this.#close = close
    this.element = h('section', { class: 'frame-details', hidden: true, tabIndex: 0, attrs: { 'aria-label': 'Frame' } })
  }

  /** Shows a frame; undefined shows none. */
  show(frame: FrameRow | undefined): void {
    this.element.hidden = frame === undefined
    if (frame === undefined) return
    const { direction, queue, length, bytes } = frame
    const words = `${timeText(frame.time)}, ${direction}, queue ${queue}, ${length} bytes, `
    const end = h('span', { class: frame.dropped === undefined ? '' : 'drop' }, verdict(frame))
    const dump = hexDump(bytes).join('\n')
    const shown = bytes.length / 2
    const rest = length > shown ? `the first ${shown} of ${length} bytes` : `${length} bytes`
    fill(
      this.element,
      h(
        'div',
        { class: 'row' },
        h('h2', {}, words, end),
        copyButton('Copy', () => asText(frame, dump)),
        this.#closing(),
      ),
      h('p', { class: 'mono' }, frame.text),
      h('div', { class: 'frame-headers' }, ...frame.headers.map(headerElement)),
      h('h3', {}, `Bytes: ${rest}`),
      h('pre', {}, dump),
    )
    this.element.scrollTop = 0
  }

  #closing(): HTMLElement {
    return h('button', { attrs: { 'aria-keyshortcuts': 'Escape' }, on: { click: () => this.#close() } }, 'Close')
  }
}

function headerElement({ name, fields }: FrameRow['headers'][number]): HTMLElement {
  const rows = fields.map(field => h('div', {}, h('dt', {}, field.name), h('dd', {}, field.value)))
  return h('section', {}, h('h3', {}, name), h('dl', {}, ...rows))
}

function asText(frame: FrameRow, dump: string): string {
  const headers = frame.headers.map(({ name, fields }) => {
    return [name, ...fields.map(field => `  ${field.name}: ${field.value}`)].join('\n')
  })
  const first = `${timeText(frame.time)} ${frame.direction} queue ${frame.queue} length ${frame.length} ${verdict(frame)}`
  return [first, frame.text, ...headers, dump, ''].join('\n')
}
