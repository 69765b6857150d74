/** The timeline of a scenario: its steps, and a cursor that moves with the time. */
import type { ScenarioInfo } from '../feed-types.ts'
import { fill, h, setText, svg } from './dom.ts'
import { formatTime, lengthOf, marks, place, progress, type ScenarioProgress } from './scenario-time.ts'

const HEIGHT = 64
/** Space for half a label at both ends of the axis. */
const MARGIN = 20
const AXIS_Y = 40
/** Pixels that the number of a step and the time of a mark need. */
const STEP_ROOM = 20
const MARK_ROOM = 64
/** Milliseconds between moves of the cursor, and of the text or, with reduced motion, of both. */
const MOVE_MS = 100
const TEXT_MS = 1000

export class ScenarioTimeline {
  readonly element: HTMLElement
  readonly #about = h('p', { class: 'muted' })
  readonly #now = h('p', { attrs: { role: 'timer' } })
  readonly #drawing = svg('svg', { class: 'timeline', height: HEIGHT, role: 'img', 'aria-label': 'Timeline' })
  readonly #cursor = svg('line', { class: 'cursor', y1: 4, y2: AXIS_Y + 8 })
  readonly #spans: SVGElement[] = []
  readonly #list = h('ol', { class: 'steps' })
  #scenario: ScenarioInfo | undefined
  /** The server's time minus this machine's time. */
  #ahead = 0
  #width = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #shown: ScenarioProgress | undefined
  #texted = 0
  #isShown = false

  constructor() {
    this.element = h(
      'section',
      { class: 'panel', hidden: true },
      h('h2', {}, 'Scenario'),
      this.#about,
      this.#drawing,
      this.#now,
      this.#list,
    )
    new ResizeObserver(([entry]) => this.#resized(entry?.contentRect.width ?? 0)).observe(this.#drawing)
    document.addEventListener('visibilitychange', () => this.#run())
  }

  take(scenario: ScenarioInfo | undefined): void {
    this.#scenario = scenario
    this.element.hidden = scenario === undefined
    if (scenario !== undefined) {
      const { file, repeat, steps } = scenario
      const rounds = repeat === undefined ? 'runs once' : `repeats every ${formatTime(repeat)}`
      const cut = steps.some(({ text }) => /\bcarrier off$/.test(text)) ? '. “carrier off” cuts the cable' : ''
      setText(this.#about, `${file}: ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}, ${rounds}${cut}`)
      const rows = steps.map(({ at, text }) =>
        h('li', {}, h('span', { class: 'number' }, formatTime(at)), h('code', {}, text)),
      )
      fill(this.#list, ...rows)
    }
    this.#draw()
    this.#run()
  }

  /** Takes the time of the server, in milliseconds since 1970. */
  setTime(time: number): void {
    this.#ahead = time - Date.now()
  }

  shown(): void {
    this.#isShown = true
    this.#run()
  }

  hidden(): void {
    this.#isShown = false
    this.#run()
  }

  #run(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#scenario === undefined || !this.#isShown || document.hidden) return
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#timer = setInterval(() => this.#move(), isCalm ? TEXT_MS : MOVE_MS)
    this.#move()
  }

  #resized(width: number): void {
    if (width === this.#width || width === 0) return
    this.#width = width
    this.#draw()
  }

  #draw(): void {
    this.#shown = undefined
    this.#spans.length = 0
    const scenario = this.#scenario
    const width = this.#width - 2 * MARGIN
    if (scenario === undefined || width <= 0) return
    const length = lengthOf(scenario)
    const { steps } = scenario
    const placed = place(steps, length, width, STEP_ROOM)
    // The effect of each step lasts until the next one.
    for (const [i, { x }] of placed.entries()) {
      const end = placed[i + 1]?.x ?? width
      const title = svg('title', {}, `${i + 1}: ${steps[i]?.text ?? ''}`)
      const span = { class: 'span', x, y: 20, width: Math.max(1, end - x), height: AXIS_Y - 20 }
      this.#spans.push(svg('rect', span, title))
    }
    const numbers = placed.flatMap(({ x, step, hasLabel }) => [
      svg('line', { class: 'step', x1: x, x2: x, y1: hasLabel ? 16 : 20, y2: AXIS_Y }),
      hasLabel && svg('text', { x, y: 12, class: 'step-number' }, step + 1),
    ])
    const axis = marks(length, Math.max(2, width / MARK_ROOM)).flatMap(time => {
      const x = (time / length) * width
      return [
        svg('line', { class: 'axis', x1: x, x2: x, y1: AXIS_Y, y2: AXIS_Y + 4 }),
        svg('text', { x, y: AXIS_Y + 20 }, formatTime(time)),
      ]
    })
    const line = svg('line', { class: 'axis', x1: 0, x2: width, y1: AXIS_Y, y2: AXIS_Y })
    const all = svg(
      'g',
      { transform: `translate(${MARGIN} 0)` },
      ...this.#spans,
      line,
      ...axis,
      ...numbers,
      this.#cursor,
    )
    fill(this.#drawing, all)
    this.#move()
  }

  #move(): void {
    const scenario = this.#scenario
    if (scenario === undefined) return
    const now = Date.now() + this.#ahead
    const before = this.#shown
    const how = progress(scenario, now)
    this.#shown = how
    const x = Math.min(1, how.at / lengthOf(scenario)) * Math.max(0, this.#width - 2 * MARGIN)
    this.#cursor.setAttribute('transform', `translate(${x.toFixed(1)} 0)`)
    this.#cursor.classList.toggle('off', how.state !== 'running')
    const isOther = before?.step !== how.step || before?.state !== how.state
    if (isOther) this.#mark(how.step)
    if (!isOther && now - this.#texted < TEXT_MS) return
    this.#texted = now
    setText(this.#now, wordsOf(how))
  }

  #mark(step: number | undefined): void {
    for (const [i, span] of this.#spans.entries()) span.classList.toggle('now', i === step)
    for (const [i, row] of [...this.#list.children].entries()) {
      if (i === step) row.setAttribute('aria-current', 'step')
      else row.removeAttribute('aria-current')
    }
  }
}

/** Returns `round 3, 12.0 s: step 2 of the list; step 3 in 4.5 s`. */
function wordsOf({ state, round, at, step, next }: ScenarioProgress): string {
  if (state === 'waiting') return 'Waits until the first interface comes up.'
  if (state === 'ended') return 'Has ended: what its last step did stays.'
  const where = `${round > 1 ? `Round ${round}, ` : ''}${formatTime(at - (at % 1000))}`
  const current = step === undefined ? '' : `, step ${step + 1}`
  const coming = next && `; step ${next.step + 1} in ${formatTime(Math.ceil(next.wait / 1000) * 1000)}`
  return `${where}${current}${coming ?? ''}`
}
