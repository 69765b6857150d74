/** The progress of a visitor, above the list of exercises. */
import { progressIn } from '../../../packages/learn/src/browser/course-progress.ts'
import { element } from '../../../packages/learn/src/browser/element.ts'
import { exerciseOf } from './progress.js'

const VERBS = { new: 'Start with', begun: 'Continue with' }

/**
 * Fills the element with the progress in the exercises to which the tables of the text lead. Other
 * tabs change it, too. Call the returned function when the page is left.
 */
export function mountProgress(place, text) {
  const links = [...text.querySelectorAll('td a[href]')].filter(exerciseOf)
  const listed = links.map(link => ({
    name: exerciseOf(link),
    title: link.textContent,
    href: link.href,
  }))
  const show = () => place.replaceChildren(...shown(progressIn(listed)))
  show()
  addEventListener('storage', show)
  return () => removeEventListener('storage', show)
}

function shown({ passed, exercises, next }) {
  const id = 'passed-exercises'
  const count = `${passed} of ${exercises} exercises have passed in this browser.`
  const bar = element('progress', { max: exercises, value: passed })
  bar.setAttribute('aria-labelledby', id)
  const parts = [element('p', { id }, count), bar]
  if (next === undefined) return parts
  const verb = passed > 0 && next.state === 'new' ? 'Next:' : VERBS[next.state]
  return [...parts, element('p', {}, element('a', { href: next.href }, `${verb} ${next.title}`))]
}
