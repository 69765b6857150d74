/** Captures the frames of the device looked at, from now on, and saves them as a file. */

import { formatNumber } from '../../base/quantity.ts'
import type { DeviceRow } from '../feed-types.ts'
import type { App } from './app.ts'
import { CommandBox } from './command-box.ts'
import { h, setText } from './dom.ts'
import { CAPTURE_MAX, captureLine, captureName, PcapngCounter } from './frames-file.ts'

/** So many bytes are put into one blob, which the browser may keep on disk. */
const BLOB_SIZE = 8 * 1024 * 1024
/** Milliseconds for which a saved file is kept for the browser to read. */
const SAVED_MS = 60_000

const numbers = new Intl.NumberFormat('en-US')

export class PageCapture {
  readonly element: HTMLElement
  readonly #app: App
  readonly #filter: HTMLInputElement
  readonly #button = h('button', { on: { click: () => this.#clicked() } }, 'Capture')
  readonly #status = h('span', { attrs: { role: 'status' } })
  readonly #box = new CommandBox()
  #abort: AbortController | undefined
  /** When the status is written next: at most once in a frame of the screen. */
  #isDue = false

  constructor(app: App) {
    this.#app = app
    this.#filter = h('input', {
      type: 'text',
      class: 'mono',
      placeholder: 'all frames, or as in tcp port 80',
      spellcheck: false,
      attrs: { 'aria-label': 'Capture filter, in the language of pcap-filter(7)', autocapitalize: 'off' },
      on: { input: () => this.update(), keydown: event => event.key === 'Enter' && this.#clicked() },
    })
    const row = h('div', { class: 'row' }, this.#button, this.#filter, this.#status)
    this.element = h('div', { class: 'frames-capture' }, row, this.#box.element)
    addEventListener('beforeunload', event => this.#abort !== undefined && event.preventDefault())
  }

  /** Another device is looked at, or the page may do more or less than before. */
  update(): void {
    const { device, mayChange } = this.#app
    const isRunning = this.#abort !== undefined
    this.#button.disabled = !isRunning && (device === undefined || !mayChange)
    this.#filter.disabled = isRunning || !mayChange
    if (isRunning) return
    const file = device && captureName(device.label, Date.now()).replace(/-\d+-\d+\./, '.')
    this.#box.set(file && captureLine(device.label, this.#filter.value.trim(), file))
  }

  #clicked(): void {
    const { device, mayChange } = this.#app
    if (this.#abort !== undefined) this.#abort.abort()
    else if (device !== undefined && mayChange) void this.#capture(device)
  }

  async #capture(device: DeviceRow): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    setText(this.#button, 'Stop and save')
    this.#button.classList.add('primary')
    this.update()
    const started = Date.now()
    const file = new CaptureParts()
    this.#show(`${device.label}: capturing`)
    let why = ''
    try {
      why = await this.#read(device, file, abort.signal)
    } catch (error) {
      if (!abort.signal.aborted) why = error instanceof Error ? error.message : `${error}`
    }
    abort.abort()
    const name = captureName(device.label, started)
    if (file.frames > 0) save(file.blob(), name)
    const saved = file.frames > 0 ? `${name}: ${file.text}` : ''
    this.#show([why, saved].filter(Boolean).join('; ') || 'no frames were captured', why !== '')
    this.#abort = undefined
    setText(this.#button, 'Capture')
    this.#button.classList.remove('primary')
    this.update()
  }

  /** Returns why it ended if the user did not end it. */
  async #read({ id, label }: DeviceRow, file: CaptureParts, signal: AbortSignal): Promise<string> {
    const filter = this.#filter.value.trim()
    const address = this.#app.path('capture', { device: id, ...(filter !== '' && { filter }) })
    const response = await fetch(address, { signal })
    if (!response.ok || response.body === null) return (await response.text()).trim()
    const reader = response.body.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (file.size + next.value.length > CAPTURE_MAX)
        return `${formatNumber(CAPTURE_MAX, 'B')} is the most that a page captures`
      file.add(next.value)
      this.#showSoon(() => `${label}: ${file.text}`)
    }
    return 'the capture ended by itself'
  }

  #showSoon(text: () => string): void {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      if (this.#abort?.signal.aborted === false) this.#show(text())
    })
  }

  #show(text: string, isError = false): void {
    setText(this.#status, text)
    this.#status.className = isError ? 'drop' : 'muted'
  }
}

/** The bytes of a capture so far. */
class CaptureParts {
  readonly #counter = new PcapngCounter()
  #parts: BlobPart[] = []
  #loose = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get frames(): number {
    return this.#counter.frames
  }

  get text(): string {
    return `${numbers.format(this.frames)} frames, ${formatNumber(this.#size, 'B')}`
  }

  add(bytes: Uint8Array<ArrayBuffer>): void {
    this.#counter.add(bytes)
    this.#parts.push(bytes)
    this.#size += bytes.length
    this.#loose += bytes.length
    if (this.#loose < BLOB_SIZE) return
    this.#parts = [new Blob(this.#parts)]
    this.#loose = 0
  }

  /** Up to the end of the last whole block, so that the file is not cut off within one. */
  blob(): Blob {
    return new Blob(this.#parts).slice(0, this.#counter.whole, 'application/octet-stream')
  }
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  h('a', { href: address, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(address), SAVED_MS)
}
