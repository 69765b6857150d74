/**
 * The script of a page with the playground: `?fake` without a driver, `?broken` without a picture.
 */
import { mountPlayground, type Picture } from '../../src/browser/playground/playground.ts'

interface Compiled {
  mountPicture(element: Element, options: object): Picture
}

const { mountPicture } = (await import('../../../web/dist/page/picture.js')) as unknown as Compiled
const style = await (await fetch('style.css')).text()
const has = (name: string) => new URLSearchParams(location.search).has(name)
const worker = has('fake') ? 'fake-playground-worker.js' : 'playground-worker.js'
mountPlayground(document.querySelector<HTMLElement>('section')!, {
  worker: new URL(worker, import.meta.url).href,
  loadPicture: async () => {
    if (has('broken')) throw new Error('no network')
    return (element, options) => mountPicture(element, { ...options, style })
  },
})
