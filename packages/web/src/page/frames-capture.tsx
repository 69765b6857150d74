/** Captures the frames of the device looked at, from now on, and saves them as a file. */
import { signal } from '@preact/signals'
import { formatNumber } from 'vnet/kit/base'
import type { DeviceRow } from '../feed-types.ts'
import type { App } from './app.ts'
import { vnetLine } from './control.tsx'
import { whole } from './driver-text.ts'
import { CAPTURE_MAX, captureLine, captureName, PcapngCounter } from './frames-text.ts'
import { CommandBox } from './table.tsx'

/** So many bytes are put into one blob, which the browser may keep on disk. */
const BLOB_SIZE = 8 * 1024 * 1024
/** Milliseconds for which a saved file is kept for the browser to read. */
const SAVED_MS = 60_000

/** The capture of a view, for its bar. */
export type PageCapture = ReturnType<typeof pageCapture>

/** At most one capture at a time. It continues while other views are shown. */
export function pageCapture(app: App, path: NonNullable<App['path']>) {
  const filter = signal('')
  /** The button that ends the capture; undefined while none runs. */
  const running = signal<AbortController | undefined>(undefined)
  const status = signal({ text: '', isError: false })
  /** The name of the last file. */
  const saved = signal<string | undefined>(undefined)
  addEventListener('beforeunload', event => running.value !== undefined && event.preventDefault())

  /** Returns why it ended if the user did not end it. */
  const read = async (
    { id, label }: DeviceRow,
    file: CaptureParts,
    abort: AbortSignal,
  ): Promise<string> => {
    const text = filter.value.trim()
    const address = path('capture', { device: id, ...(text !== '' && { filter: text }) })
    const response = await fetch(address, { signal: abort })
    if (!response.ok || response.body === null) return (await response.text()).trim()
    const reader = response.body.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (file.size + next.value.length > CAPTURE_MAX) {
        return `${formatNumber(CAPTURE_MAX, 'B')} is the most that a page captures`
      }
      file.add(next.value)
      status.value = { text: `${label}: ${file.text}`, isError: false }
    }
    return 'the capture ended by itself'
  }
  const capture = async (device: DeviceRow): Promise<void> => {
    const abort = new AbortController()
    running.value = abort
    const started = Date.now()
    const file = new CaptureParts()
    status.value = { text: `${device.label}: capturing`, isError: false }
    let why = ''
    try {
      why = await read(device, file, abort.signal)
    } catch (error) {
      if (!abort.signal.aborted) {
        why = error instanceof Error ? error.message : `${error}`
      }
    }
    abort.abort()
    const name = captureName(device.label, started)
    if (file.frames > 0) {
      save(file.blob(), name)
    }
    saved.value = file.frames > 0 ? name : undefined
    const about = file.frames > 0 ? `${name}: ${file.text}` : ''
    const text = [why, about].filter(Boolean).join('; ') || 'no frames were captured'
    status.value = { text, isError: why !== '' }
    running.value = undefined
  }
  /** Starts a capture, or ends the running one. */
  const toggle = (): void => {
    const { device, mayChange } = app
    if (running.value !== undefined) {
      running.value.abort()
    } else if (device !== undefined && mayChange) {
      void capture(device)
    }
  }
  return { filter, running, status, saved, toggle }
}

/** The filter, the button, and the result of the capture. */
export function CaptureBar({ app, capture }: { readonly app: App; readonly capture: PageCapture }) {
  const { device, mayChange } = app
  const { text, isError } = capture.status.value
  const filter = capture.filter.value
  const isRunning = capture.running.value !== undefined
  const file = device && captureName(device.label, Date.now()).replace(/-\d+-\d+\./, '.')
  return (
    <div class="stack tight">
      <div class="row">
        <button
          type="button"
          class={isRunning ? 'primary' : ''}
          disabled={!isRunning && (device === undefined || !mayChange)}
          onClick={() => capture.toggle()}
        >
          {isRunning ? 'Stop and save' : 'Capture'}
        </button>
        <input
          type="text"
          class="mono"
          placeholder="all frames, or as in tcp port 80"
          spellcheck={false}
          autocapitalize="off"
          aria-label="Capture filter, in the language of pcap-filter(7)"
          disabled={isRunning || !mayChange}
          value={filter}
          onInput={({ currentTarget }) => {
            capture.filter.value = currentTarget.value
          }}
          onKeyDown={({ key }) => key === 'Enter' && capture.toggle()}
        />
        <span class={isError ? 'drop' : 'muted'} role="status">
          {text}
        </span>
      </div>
      <CommandBox line={file && device && captureLine(device.label, filter.trim(), file)} />
      <CommandBox line={capture.saved.value && vnetLine('test-from', [], [capture.saved.value])} />
    </div>
  )
}

/** The bytes of a capture so far. */
class CaptureParts extends PcapngCounter {
  #parts: BlobPart[] = []
  #loose = 0
  size = 0

  get text(): string {
    return `${whole(this.frames)} frames, ${formatNumber(this.size, 'B')}`
  }

  override add(bytes: Uint8Array<ArrayBuffer>): void {
    super.add(bytes)
    this.#parts.push(bytes)
    this.size += bytes.length
    this.#loose += bytes.length
    if (this.#loose < BLOB_SIZE) return
    this.#parts = [new Blob(this.#parts)]
    this.#loose = 0
  }

  /** Up to the end of the last whole block, so that the file is not cut off within one. */
  blob(): Blob {
    return new Blob(this.#parts).slice(0, this.whole, 'application/octet-stream')
  }
}

function save(blob: Blob, download: string): void {
  const href = URL.createObjectURL(blob)
  Object.assign(document.createElement('a'), { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), SAVED_MS)
}
