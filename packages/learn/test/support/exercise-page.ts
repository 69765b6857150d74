/** The script of a page with exercise 1, whose data is beside it. */
import { mountExercise } from '../../src/browser/exercise-page.ts'

const exercise = await (await fetch('exercise.json')).json()
const [text, place] = ['main', 'section'].map(name => document.querySelector<HTMLElement>(name)!)
const [worker, readme] = ['check-worker.js', 'README.md'].map(
  file => new URL(file, import.meta.url).href,
)
let mounts = 0
/** Fails at first, like a site without a network. */
async function mountMotion(element: HTMLElement, driver: { name: string }) {
  if (++mounts === 1) throw new Error('no network')
  element.textContent = `${driver.name} runs`
  return { run() {}, close() {} }
}
const next = { text: 'Next exercise', href: '#next' }
mountExercise(place!, { ...exercise, text, worker, readme, mountMotion, next })
