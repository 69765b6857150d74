/** What several views need from the browser. */
import { createContext, type RefObject } from 'preact'
import { useContext, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'

/** What scrolls must be reachable by keys. */
export const SCROLLABLE = { tabIndex: 0 } as const

type TableRole = 'table' | 'grid' | 'rowgroup' | 'row' | 'columnheader' | 'cell' | 'gridcell'

/** The attributes of a part of a table that is not made of table elements. */
export const tablePart = (role: TableRole, more: Readonly<Record<string, unknown>> = {}) => ({ role, ...more })

/** Returns a reference for an element, and its width in pixels, 0 until it is known. */
export function useWidth<E extends Element>() {
  const ref = useRef<E>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.floor(contentRect.width)))
    observer.observe(ref.current!)
    return () => observer.disconnect()
  }, [])
  return [ref, width] as const
}

/** Returns a reference for an element, and whether a part of it is in the window. */
export function useInSight<E extends Element>() {
  const ref = useRef<E>(null)
  const [isInSight, setInSight] = useState(true)
  useLayoutEffect(() => {
    const observer = new IntersectionObserver(entries => setInSight(entries.some(each => each.isIntersecting)))
    observer.observe(ref.current!)
    return () => observer.disconnect()
  }, [])
  return [ref, isInSight] as const
}

/** Whether a key is typed into a field, or chooses there. */
export function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return false
  return target instanceof Element && target.closest('input, textarea, select') !== null
}

/** Whether a key is a command of the page: not typed into a field, nor one of the browser's. */
export function isCommandKey(event: KeyboardEvent): boolean {
  return !(isTyping(event) || event.ctrlKey || event.metaKey || event.altKey)
}

/** The part of the document that takes keys as commands; undefined for all of it. */
export const KeysFrom = createContext<ShadowRoot | undefined>(undefined)

/** Takes the keys that are commands while the component is in the page. */
export function useKeys(pressed: (event: KeyboardEvent) => void): void {
  const latest = useRef(pressed)
  latest.current = pressed
  const from = useContext(KeysFrom) ?? document
  useLayoutEffect(() => {
    const take = (event: Event) => isCommandKey(event as KeyboardEvent) && latest.current(event as KeyboardEvent)
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
export function rowHeightOf(list: HTMLElement | null): number {
  return (list && Number.parseFloat(getComputedStyle(list).getPropertyValue('--row-height'))) || 32
}
