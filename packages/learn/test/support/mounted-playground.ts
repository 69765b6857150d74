/**
 * The script of a page with the playground: `?fake` without a driver, `?broken` without a picture.
 */
import type { Picture } from '../../../web/src/picture-types.ts'
import { mountPlayground } from '../../src/browser/playground/playground.ts'

interface Compiled {
  mountPicture(element: Element, options: object): Picture
}

const { mountPicture } = (await import('../../../web/dist/page/picture.js')) as unknown as Compiled
const textOf = async (file: string) => (await fetch(file)).text()
const [style, sample] = await Promise.all(['style.css', 'sample.js'].map(textOf))
const has = (name: string) => new URLSearchParams(location.search).has(name)
const worker = has('fake') ? 'fake-playground-worker.js' : 'playground-worker.js'
mountPlayground(document.querySelector<HTMLElement>('section')!, {
  worker: new URL(worker, import.meta.url).href,
  sample: sample!,
  loadPicture: async () => {
    if (has('broken')) throw new Error('no network')
    return (element, options) => mountPicture(element, { ...options, style })
  },
})
