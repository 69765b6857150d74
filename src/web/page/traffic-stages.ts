/** The table of a wire's stages: the settings and the counters of each. */

import type { FeedMessage } from '../feed-types.ts'
import { h, setText } from './dom.ts'
import { stageName } from './traffic-history.ts'
import { lateText } from './traffic-units.ts'

type Wire = NonNullable<Extract<FeedMessage, { type: 'wire' }>['wire']>
type Stage = Wire['stages'][number]

const COLUMNS: readonly { readonly title: string; readonly isNumber: boolean; text(stage: Stage): string }[] = [
  { title: 'stage', isNumber: false, text: stageName },
  { title: 'asked', isNumber: false, text: stage => stage.text },
  { title: 'late p50', isNumber: true, text: ({ late }) => lateText(late?.p50) },
  { title: 'late p99', isNumber: true, text: ({ late }) => lateText(late?.p99) },
  { title: 'dropped', isNumber: false, text: droppedText },
  ...(['in', 'out', 'held'] as const).map(name => counter(name)),
  ...(['duplicated', 'corrupted', 'reordered', 'marked'] as const).map(name => counter(name)),
]

export class StageTable {
  readonly #body = h('tbody', {})
  readonly element: HTMLElement

  constructor() {
    const heads = COLUMNS.map(({ title, isNumber }) =>
      h('th', { scope: 'col', class: isNumber ? 'number' : '' }, title),
    )
    const table = h('table', { class: 'stages' }, h('thead', {}, h('tr', {}, ...heads)), this.#body)
    const scroll = h('div', { class: 'scroll', tabIndex: 0, attrs: { role: 'region', 'aria-label': 'Stages' } }, table)
    const about = h(
      'p',
      { class: 'small muted' },
      'late: how long after the requested time packets left. p50: half of them at most so late, p99: 99 %.',
    )
    this.element = h('section', { class: 'panel plot-wide', hidden: true }, h('h2', {}, 'Wire: stages'), scroll, about)
  }

  update(wire: Wire | undefined): void {
    const stages = wire?.stages ?? []
    this.element.hidden = stages.length === 0
    while (this.#body.rows.length > stages.length) this.#body.deleteRow(-1)
    while (this.#body.rows.length < stages.length) this.#body.append(row())
    stages.forEach((stage, i) => {
      COLUMNS.forEach(({ text }, j) => {
        setText(this.#body.rows[i].cells[j], text(stage))
      })
    })
  }
}

function row(): HTMLTableRowElement {
  return h('tr', {}, ...COLUMNS.map(({ isNumber }) => h('td', { class: isNumber ? 'number' : '' })))
}

const numbers = new Intl.NumberFormat('en-US')

function counter(name: 'in' | 'out' | 'held' | 'duplicated' | 'corrupted' | 'reordered' | 'marked') {
  return { title: name, isNumber: true, text: (stage: Stage) => numbers.format(stage[name]) }
}

function droppedText({ dropped, drops }: Stage): string {
  if (dropped === 0) return '0'
  const reasons = Object.entries(drops).map(([reason, packets]) => `${reason} ${numbers.format(packets)}`)
  return reasons.length === 0 ? numbers.format(dropped) : reasons.join(', ')
}
