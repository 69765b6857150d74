/**
 * The part of an exercise's page where it is solved: an editor with the driver, the checks, and
 * their verdicts. The text of the exercise is the page around it.
 */
import { counter, countsOf, notRun, type Result, titleOf } from '../exercise.ts'
import { EARLIER_FAILED } from '../progress.ts'
import { checkInBrowser } from './check.ts'
import { driverIn, type Folder, folderWith } from './driver-file.ts'
import type { Editor, EditorOptions, MakeEditor } from './element.ts'
import {
  button,
  comesInSight,
  element,
  messageOf,
  plainEditor,
  replaceEditor,
  save,
} from './element.ts'
import { openingLine } from './first-task.ts'
import { driverInMotion, type MountMotion, realInterface } from './in-motion.ts'
import { fragmentOf, KeptDriver, textOfFragment } from './kept-driver.ts'
import { marksOf, verdictList } from './verdict-list.ts'

/** An exercise, and the parts of the site that its page loads on request. */
export interface ExercisePage extends Folder {
  readonly skeleton: string
  /** The bundle's check-worker.js. */
  readonly worker: string
  /** The element with the exercise's text. */
  readonly text: HTMLElement
  /** Loads a better editor than a text area. */
  readonly loadEditor?: () => Promise<MakeEditor>
  readonly mountMotion?: MountMotion
  /** The page for a visitor whose driver has passed: the next exercise, or the list of all. */
  readonly next?: { readonly text: string; readonly href: string }
  /** The hints and the solution, below everything else. */
  readonly help?: Help
  /** Called when all checks in memory have passed with a driver that is kept. */
  readonly onPassed?: () => void
}

/** Hints for the visitor. */
export interface Help {
  readonly element: HTMLElement
  /** Called with the driver that has passed, or undefined if it has changed since. */
  update(passed: string | undefined): void
}

const NO_KERNEL = 'a browser has no network interfaces'
const KEYS_ID = 'driver-keys'
const KEYS =
  'Ctrl-Enter checks, Ctrl-Space completes. Tab indents; Escape and then Tab leaves the editor.'
const RUN = ' Run shows the driver at work.'

/**
 * Fills the element. The caller calls the returned function when the page is left: it ends checks
 * that run, and the playground.
 */
export function mountExercise(parent: HTMLElement, page: ExercisePage): () => void {
  const mounted = new MountedExercise(parent, page)
  return () => mounted.close()
}

class MountedExercise {
  readonly #parent: HTMLElement
  readonly #page: ExercisePage
  readonly #kept: KeptDriver
  readonly #ended = new AbortController()
  readonly #options: EditorOptions
  readonly #status = element('p', { className: 'status', role: 'status' })
  readonly #verdicts = element('div')
  readonly #offer = element('p', { className: 'offer', hidden: true })
  readonly #next = element('p', { className: 'next', hidden: true })
  readonly #real = element('div', { className: 'real', hidden: true })
  readonly #motion: ReturnType<typeof driverInMotion> | undefined
  #running: AbortController | undefined
  /** Settles when the check that runs has ended. */
  #checked: Promise<void> = Promise.resolve()
  /** A link's driver, which is kept once the visitor takes it or changes it as the first one. */
  #linked: string | undefined
  #editor: Editor

  constructor(parent: HTMLElement, page: ExercisePage) {
    this.#parent = parent
    this.#page = page
    this.#kept = new KeptDriver(page.name)
    this.#options = {
      text: this.#kept.text ?? page.skeleton,
      label: page.driver,
      describedBy: KEYS_ID,
      onChange: () => this.#onChange(),
      onCheck: () => {
        this.#checked = this.#check()
      },
    }
    this.#editor = plainEditor(this.#options)
    const { signal } = this.#ended
    const text = () => this.#editor.text
    this.#motion = page.mountMotion && driverInMotion(page.driver, text, page.mountMotion, signal)
    this.#show()
    this.#showTask()
    this.#showReal()
    addEventListener('hashchange', () => void this.#openLink(), { signal })
    void this.#openLink()
    if (page.loadEditor) {
      void this.#loadEditor(page.loadEditor)
    }
  }

  /** Its files are half of the page's: they wait for the visitor, and for a check that runs. */
  async #loadEditor(load: () => Promise<MakeEditor>): Promise<void> {
    const { signal } = this.#ended
    await comesInSight(this.#editor.element, signal)
    for (let checked: Promise<void> | undefined; checked !== this.#checked; ) {
      checked = this.#checked
      await checked
    }
    if (signal.aborted) return
    const make = await load()
    const remake = (before: Editor) => {
      this.#editor = make({ ...this.#options, text: before.text })
      return this.#editor
    }
    replaceEditor(this.#editor, signal, remake, () => this.#showTask())
  }

  close(): void {
    this.#ended.abort(new Error('the page is left'))
    this.#editor.close()
  }

  /** Fills the element of the page. */
  #show(): void {
    const page = this.#page
    const motion = this.#motion
    this.#real.append(...realInterface(page, this.#hrefOf('See it live')))
    if (page.next) {
      this.#next.append(element('a', { href: page.next.href }, page.next.text))
    }
    this.#parent.replaceChildren(
      this.#offer,
      element('div', { className: 'editor' }, this.#editor.element),
      element('p', { id: KEYS_ID, className: 'keys' }, motion ? KEYS + RUN : KEYS),
      element('div', { className: 'buttons' }, ...this.#buttons()),
      this.#verdicts,
      ...(motion ? [motion.element] : []),
      this.#real,
      ...(page.help ? [page.help.element] : []),
    )
  }

  #buttons(): readonly HTMLElement[] {
    const { driver, skeleton } = this.#page
    const file = this.#fileInput()
    const checking = Object.assign(button('Check', this.#options.onCheck), { className: 'check' })
    const run = this.#motion ? [this.#motion.button] : []
    return [
      element('div', { className: 'bar' }, checking, ...run, this.#status, this.#next),
      button('Reset', () => this.#exchange(skeleton, `${driver} is the skeleton again.`)),
      button('Download', () => void this.#download()),
      button('Open a file', () => file.click()),
      button('Copy a link', () => void this.#copyLink()),
      file,
    ]
  }

  #fileInput(): HTMLInputElement {
    const { driver } = this.#page
    const accept = '.js,.mjs,.zip,text/javascript'
    const file = element('input', { type: 'file', accept, hidden: true })
    file.addEventListener('change', async () => {
      const [chosen] = file.files ?? []
      if (chosen === undefined) return
      try {
        const text = await driverIn(chosen, driver)
        this.#exchange(text, `${driver} has the text of ${chosen.name}.`)
      } catch (error) {
        this.#status.textContent = `${chosen.name} does not open: ${messageOf(error)}`
      }
      file.value = ''
    })
    return file
  }

  #onChange(): void {
    const { text } = this.#editor
    const kept = this.#kept
    if (this.#linked !== undefined && this.#linked !== text && kept.text === undefined) {
      this.#leaveLink()
    }
    if (this.#linked === undefined) {
      kept.text = text === this.#page.skeleton ? undefined : text
    }
    this.#showReal()
  }

  /** Scrolls the editor to the first task: skeletons start with long imports. */
  #showTask(): void {
    this.#editor.show(openingLine(this.#editor.text))
  }

  /** Shows the next steps, if this text has passed. */
  #showReal(): void {
    const { text } = this.#editor
    this.#real.hidden = this.#kept.passed !== text
    this.#next.hidden = this.#real.hidden || this.#page.next === undefined
    this.#page.help?.update(this.#real.hidden ? undefined : text)
  }

  /** A check that runs is of the text before: it ends. */
  #replace(text: string): void {
    this.#running?.abort()
    this.#status.textContent = ''
    this.#editor.mark([])
    this.#verdicts.replaceChildren()
    this.#editor.replace(text)
  }

  /** Replaces what the visitor wrote, which is not lost. */
  #exchange(text: string, what: string): void {
    const before = (this.#linked !== undefined && this.#kept.text) || this.#editor.text
    if (this.#linked !== undefined) {
      this.#leaveLink()
    }
    this.#replace(text)
    this.#status.textContent = what
    this.#offer.hidden = before === text
    // The text that the visitor has written since is not lost, either.
    this.#offer.replaceChildren(button('Undo', () => this.#exchange(before, '')))
  }

  async #check(): Promise<void> {
    const { name, worker, onPassed } = this.#page
    this.#running?.abort()
    this.#running = new AbortController()
    const both = AbortSignal.any([this.#running.signal, this.#ended.signal])
    const { text } = this.#editor
    const results: Result[] = []
    const add = (found: Result) => results.push(found)
    this.#status.textContent = 'Checking ...'
    this.#editor.mark([])
    try {
      const live = await checkInBrowser(worker, { exercise: name, text }, add, both)
      const isPassed = counter(results)('failed') === 0
      const why = isPassed ? NO_KERNEL : EARLIER_FAILED
      results.push(...live.map(title => notRun(title, 'live', why)))
      if (isPassed && this.#linked === undefined) {
        this.#kept.passed = text
        onPassed?.()
      }
      this.#showResults(results)
    } catch (error) {
      if (both.aborted) return
      this.#verdicts.replaceChildren()
      this.#status.textContent = `Not checked: ${messageOf(error)}`
    }
  }

  #showResults(results: readonly Result[]): void {
    const { name, driver } = this.#page
    const failed = results.find(({ result }) => result === 'failed')
    this.#status.textContent = `${name}: ${countsOf(results)}`
    if (failed !== undefined) {
      const { seen, expected } = failed
      const told = ` FAILED ${titleOf(failed)}. Seen: ${seen}. Expected: ${expected}.`
      this.#status.append(element('span', { className: 'visually-hidden' }, told))
    }
    const hrefOf = (heading: string) => this.#hrefOf(heading)
    const goTo = (line: number) => this.#editor.goTo(line)
    this.#verdicts.replaceChildren(verdictList(results, { driver, hrefOf, goTo }))
    this.#editor.mark(results.flatMap(result => marksOf(result, driver)))
    this.#motion?.update()
    this.#showReal()
  }

  #hrefOf(heading: string): string | undefined {
    const plain = (text: string) => text.replaceAll(/[`\u200b]/g, '').trim()
    const found = [...this.#page.text.querySelectorAll('h2, h3')].find(
      ({ textContent }) => plain(textContent) === plain(heading),
    )
    return found && `#${found.id}`
  }

  async #download(): Promise<void> {
    const { name } = this.#page
    try {
      save(await folderWith(this.#editor.text, this.#page), `${name}.zip`)
      this.#status.textContent = `${name}.zip has the folder that vnet check takes.`
    } catch (error) {
      this.#status.textContent = `Not downloaded: ${messageOf(error)}`
    }
  }

  async #copyLink(): Promise<void> {
    const fragment = await fragmentOf(this.#editor.text)
    const address = new URL(fragment, location.href.replace(/#.*/, '')).href
    const holds = 'it holds the driver, which no server has.'
    try {
      await navigator.clipboard.writeText(address)
      this.#status.textContent = `The link is copied: ${holds}`
    } catch {
      history.replaceState(history.state, '', address)
      this.#status.textContent = `The address of this page is the link now: ${holds}`
    }
  }

  #leaveLink(): void {
    this.#linked = undefined
    this.#offer.hidden = true
    history.replaceState(history.state, '', location.pathname + location.search)
  }

  /** Shows the driver in the fragment of a link. A driver of the visitor's own is kept. */
  async #openLink(): Promise<void> {
    let text: string | undefined
    try {
      text = await textOfFragment(location.hash)
    } catch {
      this.#status.textContent = 'The driver of this link is damaged.'
    }
    const isLeft = this.#ended.signal.aborted
    if (text === undefined || text === this.#editor.text || isLeft) return
    this.#parent.scrollIntoView()
    const own = this.#kept.text
    const choose = (chosen: string) => {
      this.#leaveLink()
      this.#replace(chosen)
    }
    // Also without one of the visitor's: what a link passes is not what the visitor has passed.
    this.#linked = text
    this.#replace(text)
    this.#offer.hidden = false
    const back = () => choose(this.#kept.text ?? own ?? this.#page.skeleton)
    this.#offer.replaceChildren(
      `This is the driver of a link${own === undefined ? '' : '; yours is kept'}. `,
      button(own === undefined ? 'Make it mine' : 'Replace mine', () => choose(this.#editor.text)),
      button(own === undefined ? 'Back to the skeleton' : 'Back to mine', back),
    )
  }
}
