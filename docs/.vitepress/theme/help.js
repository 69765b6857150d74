/**
 * What helps with an exercise, below its editor: the hints of its page, the solution and the
 * mistakes of learners, which open one after another, and after passing the same driver in C. The
 * file at `url` loads when one of the last three is opened.
 */
import { button, element } from '../../../packages/learn/src/browser/element.ts'

const COMPARE = 'Compare it with the driver in C'
const NOT_LOADED = 'It does not load. Try it again.'

/** Returns `packages/learn/src/browser/exercise-page.ts`' Help. `text` is the page's text. */
export function exerciseHelp({ name, driver, hasModule, url, text }) {
  let found
  const load = () => {
    found ??= Promise.all([fetch(url).then(response => response.json()), import('./solutions.js')])
    found.catch(() => {
      found = undefined
    })
    return found
  }
  let passed = ''
  const compare = button(COMPARE, async () => {
    compare.textContent = COMPARE
    try {
      const [{ module }, { showTwins }] = await load()
      showTwins(name, driver, passed, module)
    } catch {
      compare.textContent = NOT_LOADED
    }
  })
  const twin = element('p', { className: 'buttons', hidden: true }, compare)
  const hints = takeHints(text).map((hint, i) => step(`Hint ${i + 1}`, () => [hint]))
  const steps = [
    ...hints,
    step('Solution', async () => {
      const [{ solution }, { code }] = await load()
      return [code(solution)]
    }),
    step('Mistakes that people make', async () => {
      const [{ mistakes }, { mistake }] = await load()
      return mistakes.map(mistake)
    }),
  ]
  for (const [i, each] of steps.entries()) {
    each.hidden = i > 0
    each.addEventListener('toggle', () => steps[i + 1]?.removeAttribute('hidden'), { once: true })
  }
  const heading = element('h2', { id: 'hints', tabIndex: -1 }, 'Hints')
  const told =
    'Each opens the next one: the hints, the solution, and the mistakes that people make.'
  return {
    element: element('div', { className: 'help' }, twin, heading, element('p', {}, told), ...steps),
    update(text) {
      twin.hidden = text === undefined || !hasModule
      passed = text ?? passed
      if (text !== undefined) {
        for (const each of steps) {
          each.hidden = false
        }
      }
    },
  }
}

/** Takes the hints out of the text, which remain in it where scripts do not run. */
function takeHints(text) {
  const heading = text.querySelector('#hints')
  const list = heading?.nextElementSibling
  const hints = [...(list?.querySelectorAll('li') ?? [])].map(({ childNodes }) => {
    const hint = element('p')
    hint.append(...[...childNodes].map(node => node.cloneNode(true)))
    return hint
  })
  // The outline then leads to the heading below the editor.
  heading?.removeAttribute('id')
  for (const each of [heading, list]) {
    each?.setAttribute('hidden', '')
  }
  return hints
}

/** Returns a part that is filled when it is opened. */
function step(title, fill) {
  const content = element('div')
  const made = element('details', {}, element('summary', {}, title), content)
  let isFilled = false
  made.addEventListener('toggle', async () => {
    if (!made.open || isFilled) return
    isFilled = true
    try {
      content.replaceChildren(...(await fill()))
    } catch {
      isFilled = false
      content.textContent = NOT_LOADED
    }
  })
  return made
}
