/** Marks the links to exercises that have passed in this browser, in the lists of exercises. */
import { KeptDriver } from '../../../packages/learn/src/browser/kept-driver.ts'

export function markPassed() {
  for (const link of document.querySelectorAll('.VPSidebar a[href], .vp-doc td a[href]')) {
    const [, name] = /\/learn\/(\d+-[\w-]+)/.exec(link.pathname) ?? []
    link.toggleAttribute(
      'data-passed',
      name !== undefined && new KeptDriver(name).passed !== undefined,
    )
  }
}
