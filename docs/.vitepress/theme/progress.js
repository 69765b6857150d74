/** Marks the links to exercises that have passed or begun in this browser, in their lists. */
import { stateOf } from '../../../packages/learn/src/browser/kept-driver.ts'

/** Returns the name of the exercise to which a link leads; undefined for another page. */
export const exerciseOf = link => /\/learn\/(\d+-[\w-]+)/.exec(link.pathname)?.[1]

export function markPassed() {
  for (const link of document.querySelectorAll('.VPSidebar a[href], .vp-doc td a[href]')) {
    const name = exerciseOf(link)
    const state = name && stateOf(name)
    link.toggleAttribute('data-passed', state === 'passed')
    link.toggleAttribute('data-begun', state === 'begun')
  }
}
