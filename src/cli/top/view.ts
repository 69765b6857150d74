/** The view of `vnet top`: the effect of keys, and its lines. It does not depend on a terminal. */
import { printable } from '../../base/printable.ts'
import { formatNumber } from '../../base/quantity.ts'
import { align } from '../align.ts'
import { arranged, SORT_KEYS, type SortKey, type TopRow } from './rows.ts'

export interface TopView {
  readonly sort: SortKey
  readonly isReversed: boolean
  readonly inBytes: boolean
  readonly filter: string
  /** True while the filter is typed. */
  readonly isTyping: boolean
  /** Rows above the first one shown. */
  readonly offset: number
}

/** The contents of a screen. */
export interface TopContent {
  readonly rows: readonly TopRow[]
  readonly problems: readonly string[]
  readonly view: TopView
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** A key, as node:readline names it: `up`, `pagedown`, `escape`; or the character that it types. */
export interface Key {
  readonly name?: string | undefined
  readonly text?: string | undefined
  readonly ctrl?: boolean | undefined
}

export const FIRST_VIEW: TopView = {
  sort: 'tx',
  isReversed: false,
  inBytes: false,
  filter: '',
  isTyping: false,
  offset: 0,
}

/** Lines above and below the rows: totals, names of the columns, help. */
const OTHER_LINES = 3
/** The most frequent reasons of drops that a row names. */
const REASONS = 3
const HELP = 'q quit  sort by: n t r d c, again: reverse  / filter  b bits, bytes  arrows'

/** Returns the view after a key, or undefined if the key ends the program. */
export function press(
  view: TopView,
  { name = '', text = '', ctrl = false }: Key,
  pageRows: number,
): TopView | undefined {
  if (ctrl) return name === 'c' ? undefined : view
  if (view.isTyping) return typed(view, name, text)
  if (text === 'q') return undefined
  if (text === '/') return { ...view, isTyping: true }
  if (text === 'b') return { ...view, inBytes: !view.inBytes }
  if (name === 'escape') return { ...view, filter: '', offset: 0 }
  if (Object.hasOwn(SORT_KEYS, text)) {
    const sort = SORT_KEYS[text as keyof typeof SORT_KEYS]
    return { ...view, sort, isReversed: sort === view.sort && !view.isReversed, offset: 0 }
  }
  const steps = { up: -1, down: 1, pageup: -pageRows, pagedown: pageRows, home: -Infinity, end: Infinity }
  const step = Object.hasOwn(steps, name) ? steps[name as keyof typeof steps] : 0
  return { ...view, offset: Math.max(0, view.offset + step) }
}

function typed(view: TopView, name: string, text: string): TopView {
  if (name === 'return' || name === 'enter') return { ...view, isTyping: false }
  if (name === 'escape') return { ...view, isTyping: false, filter: '', offset: 0 }
  if (name === 'backspace') return { ...view, filter: [...view.filter].slice(0, -1).join(''), offset: 0 }
  return text === '' || text !== printable(text) ? view : { ...view, filter: view.filter + text, offset: 0 }
}

/** The number of rows that a screen has room for. */
export function pageRows({ rows }: Size): number {
  return Math.max(1, rows - OTHER_LINES)
}

/**
 * Returns the lines of a screen, each at most as wide as the screen, and the view, scrolled back if
 * there are fewer rows than it wants to skip.
 */
export function screenLines({ rows, problems, view }: TopContent, size: Size): { lines: string[]; view: TopView } {
  const shown = arranged(rows, view.sort, view.isReversed, view.filter)
  const room = Math.max(1, pageRows(size) - problems.length)
  const offset = Math.min(view.offset, Math.max(0, shown.length - room))
  const [head = '', ...table] = tableOf(shown, view)
  const page = table.slice(offset, offset + room)
  const lines = [summary(rows, shown, view), ...problems.map(printable), head, ...page]
  while (lines.length < size.rows - 1) lines.push('')
  const below = shown.length - offset - page.length
  const help = offset + below > 0 ? `${offset} above, ${below} below  ${HELP}` : HELP
  lines.splice(size.rows - 1, lines.length, view.isTyping ? `filter: ${view.filter}_` : help)
  return { lines: lines.map(line => line.slice(0, size.columns)), view: { ...view, offset } }
}

/** Returns a block of lines for output other than a terminal. */
export function plainLines({ rows, view }: TopContent): string[] {
  return tableOf(arranged(rows, view.sort, view.isReversed, view.filter), view).map(line => line.trimEnd())
}

function summary(rows: readonly TopRow[], shown: readonly TopRow[], view: TopView): string {
  if (rows.length === 0) return 'vnet top: no vnet is running'
  const total = (field: 'tx' | 'rx' | 'drops') => formatNumber(rows.reduce((sum, row) => sum + (row[field] ?? 0), 0))
  const count = shown.length === rows.length ? `${rows.length}` : `${shown.length} of ${rows.length}`
  const order = `by ${view.sort}${view.isReversed ? ', reversed' : ''}`
  const filter = view.filter === '' ? '' : `, filter ${printable(view.filter)}`
  const noun = count === '1' ? 'interface' : 'interfaces'
  return `vnet top: ${count} ${noun}, ${total('tx')} tx/s, ${total('rx')} rx/s, ${total('drops')} dropped/s, ${order}${filter}`
}

/** Returns the names of the columns, and a line for each row. */
function tableOf(rows: readonly TopRow[], { inBytes }: TopView): string[] {
  const unit = inBytes ? 'B/s' : 'bit/s'
  const data = (bytes: number | undefined) => formatNumber(bytes === undefined || inBytes ? bytes : bytes * 8)
  return align([
    ['interface', 'state', 'tx/s', `tx ${unit}`, 'rx/s', `rx ${unit}`, 'drop/s', 'dropped', 'held', 'stopped', 'cpu%'],
    ...rows.map(row => [
      row.name,
      row.state,
      formatNumber(row.tx),
      data(row.txBytes),
      formatNumber(row.rx),
      data(row.rxBytes),
      formatNumber(row.drops),
      row.reasons.slice(0, REASONS).join(', '),
      `${row.held}`,
      `${row.stopped}/${row.queues}`,
      row.cpu === undefined ? '-' : row.cpu.toFixed(0),
    ]),
  ])
}
