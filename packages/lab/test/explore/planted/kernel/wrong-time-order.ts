import { serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'
import { run } from '../programs.ts'

export const bug =
  'values are ordered by the wall clock, so that a newer one is lost after a step back'
export const program = 'Python, in the kernel'
export const faults = ['clock -10s on writer']
export const shows = /the store has kept/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [writer, store] = await star(lab, 'writer', 'store')
    let kept = { value: 0, time: 0 }
    await serve(store, ({ value, time }) => {
      if (Number(time) > kept.time) {
        kept = { value: Number(value), time: Number(time) }
      }
      return {}
    })
    await run(writer, 'writer.py', isBroken)
    if (kept.value !== 3) throw new Error(`the store has kept value ${kept.value} of 3`)
  }
