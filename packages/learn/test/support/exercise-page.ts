/** The script of a page with exercise 1, whose data is beside it. */
import { mountExercise } from '../../src/browser/exercise-page.ts'

const exercise = await (await fetch('exercise.json')).json()
const [text, place] = ['main', 'section'].map(name => document.querySelector<HTMLElement>(name)!)
const [worker, readme] = ['check-worker.js', 'README.md'].map(file => new URL(file, import.meta.url).href)
mountExercise(place!, { ...exercise, text, worker, readme })
