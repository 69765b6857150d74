/**
 * The part of an exercise's page where it is solved: an editor with the driver, the checks, and
 * their verdicts. The text of the exercise is the page around it.
 */
import { counter, countsOf, notRun, type Result, titleOf } from '../exercise.ts'
import { EARLIER_FAILED } from '../progress.ts'
import { checkInBrowser } from './check.ts'
import { driverIn, type Folder, folderWith } from './driver-file.ts'
import type { Editor, EditorOptions, MakeEditor } from './element.ts'
import { button, element, messageOf, plainEditor, replaceEditor, save } from './element.ts'
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

/**
 * Fills the element. The caller calls the returned function when the page is left: it ends checks
 * that run, and the playground.
 */
export function mountExercise(parent: HTMLElement, page: ExercisePage): () => void {
  const { name, driver, skeleton } = page
  const kept = new KeptDriver(name)
  const ended = new AbortController()
  const { signal } = ended
  let running: AbortController | undefined
  /** A link's driver, which is kept once the visitor takes it or changes it as the first one. */
  let linked: string | undefined
  let editor: Editor

  const options: EditorOptions = {
    text: kept.text ?? skeleton,
    label: driver,
    describedBy: KEYS_ID,
    onChange() {
      if (linked !== undefined && linked !== editor.text && kept.text === undefined) {
        leaveLink()
      }
      if (linked === undefined) {
        kept.text = editor.text === skeleton ? undefined : editor.text
      }
      showReal()
    },
    onCheck: () => void check(),
  }
  editor = plainEditor(options)

  const status = element('p', { className: 'status', role: 'status' })
  const verdicts = element('div')
  const offer = element('p', { className: 'offer', hidden: true })
  const real = element('div', { className: 'real', hidden: true })
  const motion =
    page.mountMotion && driverInMotion(driver, () => editor.text, page.mountMotion, signal)

  /** Shows the next step, if this text has passed. */
  function showReal(): void {
    real.hidden = kept.passed !== editor.text
    page.help?.update(real.hidden ? undefined : editor.text)
  }

  /** A check that runs is of the text before: it ends. */
  function replace(text: string): void {
    running?.abort()
    status.textContent = ''
    editor.mark([])
    verdicts.replaceChildren()
    editor.replace(text)
  }

  /** Replaces what the visitor wrote, which is not lost. */
  function exchange(text: string, what: string): void {
    const before = (linked !== undefined && kept.text) || editor.text
    if (linked !== undefined) {
      leaveLink()
    }
    replace(text)
    status.textContent = what
    offer.hidden = before === text
    // The text that the visitor has written since is not lost, either.
    offer.replaceChildren(button('Undo', () => exchange(before, '')))
  }

  async function check(): Promise<void> {
    running?.abort()
    running = new AbortController()
    const both = AbortSignal.any([running.signal, signal])
    const { text } = editor
    const results: Result[] = []
    status.textContent = 'Checking ...'
    editor.mark([])
    try {
      const live = await checkInBrowser(
        page.worker,
        { exercise: name, text },
        found => results.push(found),
        both,
      )
      const isPassed = counter(results)('failed') === 0
      results.push(
        ...live.map(title => notRun(title, 'live', isPassed ? NO_KERNEL : EARLIER_FAILED)),
      )
      if (isPassed && linked === undefined) {
        kept.passed = text
        page.onPassed?.()
      }
      show(results)
    } catch (error) {
      if (both.aborted) return
      verdicts.replaceChildren()
      status.textContent = `Not checked: ${messageOf(error)}`
    }
  }

  function show(results: readonly Result[]): void {
    const failed = results.find(({ result }) => result === 'failed')
    status.textContent = `${name}: ${countsOf(results)}`
    if (failed !== undefined) {
      const { seen, expected } = failed
      const told = ` FAILED ${titleOf(failed)}. Seen: ${seen}. Expected: ${expected}.`
      status.append(element('span', { className: 'visually-hidden' }, told))
    }
    verdicts.replaceChildren(
      verdictList(results, { driver, hrefOf, goTo: line => editor.goTo(line) }),
    )
    editor.mark(results.flatMap(result => marksOf(result, driver)))
    motion?.update()
    showReal()
  }

  function hrefOf(heading: string): string | undefined {
    const plain = (text: string) => text.replaceAll(/[`\u200b]/g, '').trim()
    const found = [...page.text.querySelectorAll('h2, h3')].find(
      ({ textContent }) => plain(textContent) === plain(heading),
    )
    return found && `#${found.id}`
  }

  async function download(): Promise<void> {
    try {
      save(await folderWith(editor.text, page), `${name}.zip`)
      status.textContent = `${name}.zip has the folder that vnet check takes.`
    } catch (error) {
      status.textContent = `Not downloaded: ${messageOf(error)}`
    }
  }

  const file = element('input', {
    type: 'file',
    accept: '.js,.mjs,.zip,text/javascript',
    hidden: true,
  })
  file.addEventListener('change', async () => {
    const [chosen] = file.files ?? []
    if (chosen === undefined) return
    try {
      exchange(await driverIn(chosen, driver), `${driver} has the text of ${chosen.name}.`)
    } catch (error) {
      status.textContent = `${chosen.name} does not open: ${messageOf(error)}`
    }
    file.value = ''
  })

  async function link(): Promise<void> {
    const address = new URL(await fragmentOf(editor.text), location.href.replace(/#.*/, '')).href
    try {
      await navigator.clipboard.writeText(address)
      status.textContent = 'The link is copied: it holds the driver, which no server has.'
    } catch {
      history.replaceState(history.state, '', address)
      status.textContent =
        'The address of this page is the link now: it holds the driver, which no server has.'
    }
  }

  function leaveLink(): void {
    linked = undefined
    offer.hidden = true
    history.replaceState(history.state, '', location.pathname + location.search)
  }

  /** Shows the driver of a link; a driver of the visitor's own is not lost. */
  async function openLink(): Promise<void> {
    let text: string | undefined
    try {
      text = await textOfFragment(location.hash)
    } catch {
      status.textContent = 'The driver of this link is damaged.'
    }
    if (text === undefined || text === editor.text || signal.aborted) return
    parent.scrollIntoView()
    const own = kept.text
    const choose = (chosen: string) => {
      leaveLink()
      replace(chosen)
    }
    // Also without one of the visitor's: what a link passes is not what the visitor has passed.
    linked = text
    replace(text)
    offer.hidden = false
    offer.replaceChildren(
      `This is the driver of a link${own === undefined ? '' : '; yours is kept'}. `,
      button(own === undefined ? 'Make it mine' : 'Replace mine', () => choose(editor.text)),
      button(own === undefined ? 'Back to the skeleton' : 'Back to mine', () =>
        choose(kept.text ?? own ?? skeleton),
      ),
    )
  }

  const place = element('div', { className: 'editor' }, editor.element)
  real.append(...realInterface(page, hrefOf('See it live')))
  parent.replaceChildren(
    offer,
    place,
    element(
      'p',
      { id: KEYS_ID, className: 'keys' },
      'Ctrl-Enter checks, Ctrl-Space completes. Tab indents; Escape and then Tab leaves the editor.',
    ),
    element(
      'div',
      { className: 'buttons' },
      element(
        'div',
        { className: 'bar' },
        Object.assign(button('Check', options.onCheck), { className: 'check' }),
        status,
      ),
      ...(motion ? [motion.button] : []),
      button('Reset', () => exchange(skeleton, `${driver} is the skeleton again.`)),
      button('Download', () => void download()),
      button('Open a file', () => file.click()),
      button('Copy a link', () => void link()),
      file,
    ),
    verdicts,
    ...(motion ? [motion.element] : []),
    real,
    ...(page.help ? [page.help.element] : []),
  )
  showReal()
  addEventListener('hashchange', () => void openLink(), { signal })
  void openLink()

  void page.loadEditor?.().then(make => {
    replaceEditor(editor, signal, before => {
      editor = make({ ...options, text: before.text })
      return editor
    })
  })

  return () => {
    ended.abort(new Error('the page is left'))
    editor.close()
  }
}
