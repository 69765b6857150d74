/** The frames of a device as they pass: a table with a filter, and captures from now on. */
import { computed, effect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { FrameRow } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { whole } from './driver-text.ts'
import { FilterFields, type FrameFilter, frameFilter } from './filter-fields.tsx'
import { Bytes, Headers } from './frame-parts.tsx'
import { CaptureBar, type PageCapture, pageCapture } from './frames-capture.tsx'
import { FrameLog } from './frames-log.ts'
import { FrameTable } from './frames-table.tsx'
import { hexDump, timeText, verdict } from './frames-text.ts'
import { CopyButton, SCROLLABLE, useKeys } from './table.tsx'

/** Examples of filters, the fields beside the filter, and the keys. */
const HELP: readonly (readonly [words: string, meaning: string])[] = [
  ['arp  icmp  tcp port 80', 'protocols, and ports of either side: portrange 8000-8080'],
  ['host 192.0.2.1', 'an IP address, or a prefix: net 198.18.0.0/15'],
  ['ether host 02:00:00:00:00:01', 'a hardware address'],
  ['len > 100', 'the length in bytes'],
  ['not X  X and Y  X or (Y)', 'combine them; all of pcap-filter(7) but names'],
  ['tx  rx', 'sent frames as they enter the wire, received ones as they leave it'],
  ['contains', 'in the text, the names of headers, or the reason of a drop'],
  ['/', 'to the filter'],
  ['p', 'pause, and follow the newest frame again'],
  ['↑ ↓ Page Home', 'choose a frame'],
  ['Enter', 'open it; Escape closes it'],
  ['End', 'to the newest frame, and follow'],
]

export function framesView(app: App): View {
  const log = new FrameLog()
  const filter = frameFilter(app)
  const id = computed(() => app.device?.id)
  effect(() => {
    void id.value
    log.clear()
  })
  effect(() => log.setFilter(filter.passes.value))
  const capture = app.path && pageCapture(app, app.path)
  return {
    name: 'frames',
    title: 'Frames',
    wants: ['frames'],
    receive(message) {
      if (message.type === 'frames' && message.id === app.device?.id) {
        log.add(message.frames, message.skipped)
      }
    },
    Body: () => <Frames {...{ app, log, filter, capture }} />,
  }
}

type FramesProps = Readonly<{
  app: App
  log: FrameLog
  filter: FrameFilter
  capture: PageCapture | undefined
}>

function Frames({ app, log, filter, capture }: FramesProps) {
  const { frames, isHeld, seen, seenSinceHeld, skipped } = log
  const [selected, error] = [log.selected.value, filter.error.value]
  const input = useRef<HTMLInputElement>(null)
  const table = useRef<HTMLDivElement>(null)
  const close = () => {
    if (log.isOpen.value) {
      table.current?.focus({ preventScroll: true })
    }
    log.isOpen.value = false
  }
  const toggle = () => (isHeld ? log.release() : log.hold())
  useKeys(event => {
    if (event.key === 'p') {
      toggle()
    }
    if (event.key === 'Escape') {
      close()
    }
    if (event.key !== '/') return
    // Elsewhere this key leads to the search for interfaces.
    event.stopPropagation()
    event.preventDefault()
    input.current?.select()
  })
  const pressed = ({ key }: KeyboardEvent) => {
    if (key === 'Enter' || key === 'ArrowDown') {
      table.current?.focus()
    }
  }
  const counts = [
    `${whole(frames.length)} shown of ${whole(seen)}`,
    isHeld && `${whole(seenSinceHeld)} since the pause`,
    skipped > 0 && `${whole(skipped)} more not listed`,
  ]
  const noToken = 'Frames are shown with the token only: open the address that vnet printed.'
  const none = seen === 0 ? 'No frames yet.' : 'No frame passes the filter.'
  return (
    <div class="frames">
      <div class="row">
        <FilterFields
          filter={filter}
          label="Filter of the table"
          describedBy="frames-error"
          device={app.device}
          disabled={!app.mayChange}
          hasFate={true}
          input={input}
          pressed={pressed}
        />
        <button type="button" aria-keyshortcuts="p" aria-pressed={!isHeld} onClick={toggle}>
          Follow
        </button>
        <span class="muted">{counts.filter(Boolean).join(', ')}</span>
      </div>
      <p class="drop" id="frames-error" role="alert" hidden={error === ''}>
        {error}
      </p>
      <details class="frames-help">
        <summary>Filters and keys</summary>
        <dl>
          {HELP.map(([words, meaning]) => (
            <div key={words}>
              <dt class="mono">{words}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </details>
      {app.device?.flips === true && app.device.peer !== undefined && (
        <p class="small muted">
          {`${app.device.driver} changes the addresses of the frames that it transmits: tx rows show the changed ones.`}
        </p>
      )}
      {capture !== undefined && <CaptureBar app={app} capture={capture} />}
      <FrameTable
        host={table}
        log={log}
        hasQueues={(app.device?.txQueues ?? 0) > 1 || (app.device?.rxQueues ?? 0) > 1}
        note={app.mayChange ? none : noToken}
      />
      {log.isOpen.value && selected !== undefined && (
        <Details key={selected.number} frame={selected} close={close} />
      )}
    </div>
  )
}

function Details({ frame, close }: { readonly frame: FrameRow; readonly close: () => void }) {
  const { time, direction, queue, length, dropped, text, headers, bytes } = frame
  return (
    <section class="frame-details stack close" aria-label="Frame" {...SCROLLABLE}>
      <div class="row">
        <h2>
          {`${timeText(time)}, ${direction}, queue ${queue}, ${length} bytes, `}
          <span class={dropped === undefined ? '' : 'drop'}>{verdict(frame)}</span>
        </h2>
        <CopyButton title="Copy" text={() => asText(frame)} />
        <button type="button" aria-keyshortcuts="Escape" onClick={close}>
          Close
        </button>
      </div>
      <p class="mono">{text}</p>
      <Headers headers={headers} />
      <Bytes bytes={bytes} length={length} />
    </section>
  )
}

function asText(frame: FrameRow): string {
  const { time, direction, queue, length, bytes } = frame
  const headers = frame.headers.flatMap(({ name, fields }) => [
    name,
    ...fields.map(field => `  ${field.name}: ${field.value}`),
  ])
  const first = `${timeText(time)} ${direction} queue ${queue} length ${length} ${verdict(frame)}`
  return [first, frame.text, ...headers, ...hexDump(bytes), ''].join('\n')
}
