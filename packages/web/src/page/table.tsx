/** The elements and hooks that several views share. */
import { type ComponentChildren, createContext, type RefObject } from 'preact'
import { useContext, useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'

/** A column of a Table. */
export interface Column<Row> {
  /** An empty one is of a column of buttons. */
  readonly title: string
  readonly class?: string
  cell(row: Row): ComponentChildren
}

/** A narrow page leaves out columns of the class `whole`. */
export const numbers = <Row,>(
  title: string,
  cell: (row: Row) => string,
  more = '',
): Column<Row> => ({
  title,
  cell,
  class: `number ${more}`,
})

/** Numbers that are red unless they are 0. */
export const troubles = <Row,>(title: string, text: (row: Row) => string): Column<Row> => ({
  title,
  class: 'number',
  cell: row => <span class={text(row) === '0' ? 'muted' : 'drop'}>{text(row)}</span>,
})

interface TableProps<Row> {
  readonly class?: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly host?: RefObject<HTMLTableElement | null>
}

/** A table with a head. The first cell of a row is its name. */
export function Table<Row>({ class: className, columns, rows, keyOf, host }: TableProps<Row>) {
  const head = ({ title, class: name }: Column<Row>) => (
    <th key={title} scope="col" class={name}>
      {title}
    </th>
  )
  const cell = ({ title, class: name, cell: content }: Column<Row>, row: Row, i: number) => {
    const Cell = i === 0 ? 'th' : 'td'
    return (
      <Cell key={title} class={name} {...(i === 0 && { scope: 'row' })}>
        {content(row)}
      </Cell>
    )
  }
  return (
    <table class={className} {...(host && { ref: host })}>
      <thead>
        <tr>{columns.map(column => (column.title === '' ? <td key="" /> : head(column)))}</tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <tr key={keyOf(row)}>{columns.map((column, i) => cell(column, row, i))}</tr>
        ))}
      </tbody>
    </table>
  )
}

/** Milliseconds for which the button reports that it has copied. */
const COPIED_MS = 1500

/** It shows nothing if the line is empty. */
export function CommandBox({ line }: { readonly line: string | undefined }) {
  if (line === undefined) return null
  return (
    <div class="command-box">
      <code>{line}</code>
      <CopyButton title="Copy" label="Copy the command line" text={() => line} />
    </div>
  )
}

type CopyProps = Readonly<{ title: string; label?: string; disabled?: boolean; text: () => string }>

/** A button that copies a text, and says for a while whether it could. */
export function CopyButton({ title, label, disabled = false, text }: CopyProps) {
  const [result, setResult] = useState<string>()
  useEffect(() => {
    const timer = setTimeout(() => setResult(undefined), COPIED_MS)
    return () => clearTimeout(timer)
  }, [result])
  const click = async () => setResult((await copy(text())) ? 'Copied' : 'Not allowed')
  return (
    <button type="button" class="copy" aria-label={label} disabled={disabled} onClick={click}>
      {result ?? title}
    </button>
  )
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Pages from another machine have no clipboard without TLS.
    return copySelected(text)
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.style.cssText = 'position: fixed; top: 0; opacity: 0'
  area.value = text
  area.readOnly = true
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) {
    focused.focus()
  }
  return copied
}

/** What scrolls must be reachable by keys. */
export const SCROLLABLE = { tabIndex: 0 } as const

type TableRole = 'table' | 'grid' | 'rowgroup' | 'row' | 'columnheader' | 'cell' | 'gridcell'

/** The attributes of a part of a table that is not made of table elements. */
export const tablePart = (role: TableRole, more: Readonly<Record<string, unknown>> = {}) => ({
  role,
  ...more,
})

type Observer = Pick<ResizeObserver & IntersectionObserver, 'observe' | 'disconnect'>

/** Returns a reference for an element, and the last value that an observer of it has set. */
function useObserved<E extends Element, T>(
  first: T,
  observerFor: (set: (value: T) => void) => Observer,
) {
  const ref = useRef<E>(null)
  const [value, setValue] = useState(first)
  useLayoutEffect(() => {
    const observer = observerFor(setValue)
    observer.observe(ref.current!)
    return () => observer.disconnect()
  }, [])
  return [ref, value] as const
}

/** Returns a reference for an element, and its width in pixels, 0 until it is known. */
export const useWidth = <E extends Element>() =>
  useObserved<E, number>(
    0,
    set => new ResizeObserver(([{ contentRect }]) => set(Math.floor(contentRect.width))),
  )

/** Returns a reference for an element, and whether a part of it is in the window. */
export const useInSight = <E extends Element>() =>
  useObserved<E, boolean>(
    true,
    set => new IntersectionObserver(all => set(all.some(each => each.isIntersecting))),
  )

/** Whether a key is typed into a field, or chooses there. */
export function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return false
  return target instanceof Element && target.closest('input, textarea, select') !== null
}

/** Whether a key is a command of the page: not typed into a field, nor one of the browser's. */
export const isCommandKey = (event: KeyboardEvent): boolean =>
  !(isTyping(event) || event.ctrlKey || event.metaKey || event.altKey)

/** The part of the document that takes keys as commands; undefined for all of it. */
export const KeysFrom = createContext<ShadowRoot | undefined>(undefined)

/** Takes the keys that are commands while the component is in the page. */
export function useKeys(pressed: (event: KeyboardEvent) => void): void {
  const latest = useRef(pressed)
  latest.current = pressed
  const from = useContext(KeysFrom) ?? document
  useLayoutEffect(() => {
    const take = (event: Event) =>
      isCommandKey(event as KeyboardEvent) && latest.current(event as KeyboardEvent)
    from.addEventListener('keydown', take)
    return () => from.removeEventListener('keydown', take)
  }, [from])
}

/** Returns the time in milliseconds, and draws the component again after each interval. */
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(Date.now())
  useLayoutEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs)
    return () => clearInterval(timer)
  }, [intervalMs])
  return now
}

/** Rows out of sight that are elements too, so that scrolling shows no gaps. */
const SPARE = 4

/** Returns the rows from `first` to before `end` that are elements. */
export function rowsInSight(scrolled: number, height: number, rowHeight: number, rows: number) {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - SPARE)
  const end = Math.min(rows, Math.ceil((scrolled + height) / rowHeight) + SPARE)
  return { first: Math.min(first, end), end }
}

/** Returns the rows in sight, for the element that scrolls. `isAtEnd`: it starts at its end. */
export function useRowsInSight(ref: RefObject<HTMLElement | null>, rows: number, isAtEnd = false) {
  const [, draw] = useReducer((count: number, _: unknown) => count + 1, 0)
  useLayoutEffect(() => {
    const element = ref.current!
    const observer = new ResizeObserver(draw)
    observer.observe(element)
    element.addEventListener('scroll', draw, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', draw)
    }
  }, [])
  const { scrollTop = 0, clientHeight = 0 } = ref.current ?? {}
  const rowHeight = rowHeightOf(ref.current)
  const top = isAtEnd ? Math.max(0, rows * rowHeight - clientHeight) : scrollTop
  return { ...rowsInSight(top, clientHeight, rowHeight, rows), rowHeight, height: clientHeight }
}

/** The height of the rows of a list, which its style sets. */
export const rowHeightOf = (list: HTMLElement | null): number =>
  (list && Number.parseFloat(getComputedStyle(list).getPropertyValue('--row-height'))) || 32
