import { setTimeout as sleep } from 'node:timers/promises'
import { asker, serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'

export const bug = 'a queue acknowledges a message before it is written'
export const program = 'Node, in memory'
export const faults = ['restart 1s on queue', 'pause 1s on queue', 'silence 1s']
export const shows = /acknowledged messages are lost/

/** Milliseconds for a write. */
const WRITE = 50
const MESSAGES = 5

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [producer, queue] = await star(lab, 'producer', 'queue')
    const disk = new Set<unknown>()
    await queue.start(({ host }) =>
      serve(host, async ({ message }) => {
        const written = sleep(WRITE).then(() => disk.add(message))
        if (!isBroken) {
          await written
        }
        return {}
      }),
    )
    const ask = await asker(producer)
    const acknowledged: number[] = []
    for (let message = 1; message <= MESSAGES; message++) {
      if ((await ask('queue', { message })) !== undefined) {
        acknowledged.push(message)
      }
    }
    await lab.sleep('2s')
    const lost = acknowledged.filter(message => !disk.has(message))
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged messages are lost`)
  }
