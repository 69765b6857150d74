/** The numbers beside the drawing: frames that a device sent, received and dropped. */

import { formatNumber } from '../../base/quantity.ts'
import type { DeviceRow } from '../feed-types.ts'
import { h, setText } from './dom.ts'
import type { Rates } from './rates.ts'

const COLUMNS = ['', 'frames/s', 'bit/s', 'frames', 'bytes', 'dropped'] as const
/** A narrow page does without the `whole` numbers. */
const CLASSES = ['', 'number', 'number', 'number whole', 'number whole', ''] as const

/**
 * The colours of the two directions in the drawing: the device's transmit side is its peer's
 * receive side.
 */
const LANES = ['tx', 'rx', 'rx', 'tx'] as const

export class NumbersTable {
  readonly element: HTMLElement
  readonly #body = h('tbody')
  #rows: readonly (readonly HTMLTableCellElement[])[] = []

  constructor() {
    const heads = COLUMNS.map((name, i) => h('th', { class: CLASSES[i], scope: 'col' }, name))
    const table = h('table', {}, h('thead', {}, h('tr', {}, ...heads)), this.#body)
    this.element = h('div', { class: 'numbers scroll' }, table)
  }

  update(devices: readonly DeviceRow[], rates: Rates): void {
    if (this.#rows.length !== 2 * devices.length) this.#make(2 * devices.length)
    const lines = devices.flatMap(({ id, label }) => {
      const [rate, counters] = [rates.of(id), rates.counters(id)]
      return (['tx', 'rx'] as const).map(direction => [
        `${label} ${direction}`,
        rate === undefined ? '' : formatNumber(rate[`${direction}Packets`]),
        rate === undefined ? '' : formatNumber(rate[`${direction}Bits`]),
        (counters?.[`${direction}Packets`] ?? 0).toLocaleString('en'),
        (counters?.[`${direction}Bytes`] ?? 0).toLocaleString('en'),
        dropWords(counters?.drops[direction] ?? {}),
      ])
    })
    for (const [i, line] of lines.entries()) {
      for (const [j, text] of line.entries()) setText(this.#rows[i][j], text)
      this.#rows[i][5].classList.toggle('drop', line[5] !== '0')
    }
  }

  #make(count: number): void {
    this.#rows = Array.from({ length: count }, (_, row) =>
      COLUMNS.map((_, i) =>
        i === 0 ? h('th', { scope: 'row', class: `mono ${LANES[row]}` }) : h('td', { class: CLASSES[i] }),
      ),
    )
    this.#body.replaceChildren(...this.#rows.map(cells => h('tr', {}, ...cells)))
  }
}

/** `15: 12 FULL_RING, 3 NOMEM`. */
function dropWords(drops: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(drops).filter(([, count]) => count > 0)
  const sum = reasons.reduce((total, [, count]) => total + count, 0)
  if (sum === 0) return '0'
  const words = reasons
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count.toLocaleString('en')} ${reason}`)
  return words.length === 1 ? words[0] : `${sum.toLocaleString('en')}: ${words.join(', ')}`
}
