/** The table of frames. Only rows in sight are elements, and are reused; all have one height. */
import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import type { FrameRow } from '../feed-types.ts'
import type { FrameLog } from './frames-log.ts'
import { protocolOf, timeText } from './frames-text.ts'
import { rowHeightOf, SCROLLABLE, tablePart, useRowsInSight } from './table.tsx'

/** The class of each column, and its title. */
const TITLES = [
  ['time', 'time'],
  ['direction', 'dir'],
  ['queue', 'queue'],
  ['length', 'bytes'],
  ['frame', 'frame'],
  ['verdict', 'dropped'],
] as const

interface TableProps {
  /** The element that scrolls. */
  readonly host: RefObject<HTMLDivElement | null>
  readonly log: FrameLog
  readonly hasQueues: boolean
  /** The text that an empty table shows. */
  readonly note: string
}

/**
 * The table of a log's frames. Only rows in sight are elements. It follows the newest frame unless
 * the log is held.
 */
export function FrameTable({ host, log, hasQueues, note }: TableProps) {
  const { frames, isHeld } = log
  const selected = log.selected.value
  const at = selected === undefined ? -1 : frames.indexOf(selected)
  const { first, end, rowHeight, height } = useRowsInSight(host, frames.length, !isHeld)
  useLayoutEffect(() => {
    if (!isHeld) {
      host.current!.scrollTop = host.current!.scrollHeight
    }
  })
  // Details that open make the table smaller.
  useLayoutEffect(() => {
    if (isHeld && at >= 0) {
      reveal(host.current!, at)
    }
  }, [height])
  const open = (frame: FrameRow | undefined) => {
    if (frame === undefined) return
    log.open(frame)
    host.current!.focus({ preventScroll: true })
  }
  const pressed = keysOf(host, log, open, rowHeight, height)
  const scrolled = ({
    currentTarget: { scrollHeight, scrollTop, clientHeight },
  }: {
    currentTarget: HTMLElement
  }) => {
    if (scrollHeight - clientHeight - scrollTop >= rowHeight) {
      log.hold()
    }
  }
  const clicked = ({ target }: MouseEvent) => {
    const row = target instanceof Element && target.closest('.frames-row')
    if (row) {
      open(frames[Number(row.getAttribute('aria-rowindex')) - 2])
    }
  }
  const count = end - first
  const attrs = tablePart('grid', {
    'aria-label': 'Frames',
    'aria-readonly': 'true',
    'aria-rowcount': frames.length + 1,
    onKeyDown: pressed,
    onScroll: scrolled,
    onClick: clicked,
    'aria-activedescendant': at >= first && at < end ? `frame-row-${at % count}` : undefined,
  })
  return (
    <div
      class={hasQueues ? 'frames-table queues' : 'frames-table'}
      ref={host}
      {...attrs}
      {...SCROLLABLE}
    >
      <div {...tablePart('rowgroup')} class="frames-heads">
        <div class="frames-head" {...tablePart('row', { 'aria-rowindex': 1 })}>
          {TITLES.map(([name, title]) => (
            <span key={name} class={name} {...tablePart('columnheader')}>
              {title}
            </span>
          ))}
        </div>
      </div>
      <div
        class="frames-body"
        {...tablePart('rowgroup')}
        style={{ height: `${frames.length * rowHeight}px` }}
      >
        {frames.slice(first, end).map((frame, i) => (
          <Row
            key={(first + i) % count}
            frame={frame}
            number={(first + i) % count}
            index={first + i}
            y={(first + i) * rowHeight}
            isSelected={frame === selected}
          />
        ))}
      </div>
      {frames.length === 0 && <p class="muted note">{note}</p>}
    </div>
  )
}

/** Returns the listener for keys that move the selection, and open its frame. */
function keysOf(
  host: TableProps['host'],
  log: FrameLog,
  open: (frame: FrameRow | undefined) => void,
  rowHeight: number,
  height: number,
): (event: KeyboardEvent) => void {
  /** Moves the selection by a number of rows, to the first row for -Infinity. */
  const move = (by: number) => {
    const { frames, isHeld } = log
    const last = frames.length - 1
    if (last < 0) return
    const at = log.selected.value === undefined ? -1 : frames.indexOf(log.selected.value)
    const seen = isHeld ? Math.min(Math.ceil(host.current!.scrollTop / rowHeight), last) : last
    const next = at === -1 && Number.isFinite(by) ? seen : Math.min(Math.max(at + by, 0), last)
    log.select(frames[next])
    reveal(host.current!, next)
  }
  const page = Math.max(Math.floor(height / rowHeight) - 2, 1)
  const actions: Readonly<Record<string, () => void>> = {
    ArrowUp: () => move(-1),
    ArrowDown: () => move(1),
    PageUp: () => move(-page),
    PageDown: () => move(page),
    Home: () => move(Number.NEGATIVE_INFINITY),
    End: () => log.release(),
    Enter: () => open(log.selected.value),
  }
  return event => {
    const action = actions[event.key]
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    action()
  }
}

type RowProps = Readonly<{
  frame: FrameRow
  number: number
  index: number
  y: number
  isSelected: boolean
}>

/** `number` is the number of the row's element. */
function Row({ frame, number, index, y, isSelected }: RowProps) {
  const { time, direction, queue, length, text, dropped } = frame
  const cells = [timeText(time), direction, `${queue}`, `${length}`, text, dropped ?? '']
  return (
    <div
      class={`frames-row mono ${protocolOf(frame)}${dropped === undefined ? '' : ' dropped'}`}
      id={`frame-row-${number}`}
      {...tablePart('row', { 'aria-rowindex': index + 2, 'aria-selected': isSelected })}
      style={{ transform: `translateY(${y}px)` }}
    >
      {cells.map((cell, i) => (
        <span
          key={i}
          class={i === 1 ? `direction ${direction}` : TITLES[i][0]}
          title={i > 3 ? cell : undefined}
          {...tablePart('gridcell')}
        >
          {cell}
        </span>
      ))}
    </div>
  )
}

/** Scrolls as little as possible to show a row. */
function reveal(host: HTMLElement, index: number): void {
  const height = rowHeightOf(host)
  const seen = host.clientHeight - host.querySelector<HTMLElement>('.frames-body')!.offsetTop
  const top = index * height
  if (top < host.scrollTop) {
    host.scrollTop = top
  } else if (top + height > host.scrollTop + seen) {
    host.scrollTop = top + height - seen
  }
}
