import { asker } from '../messages.ts'
import { type Planted, star } from '../planted.ts'
import { startServer } from '../programs.ts'

export const bug =
  'a counter replays its log after a restart, and counts what is in its snapshot already'
export const program = 'Python, in the kernel'
export const faults = ['restart 200ms on counter']
export const shows = /the counter is \d after 3/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, counter] = await star(lab, 'client', 'counter')
    await startServer(counter, 'counter.py', isBroken)
    const ask = await asker(client)
    for (const number of [1, 2, 3]) {
      await ask('counter', { number })
    }
    const { count } = (await ask('counter', {})) ?? {}
    if (count !== 3) throw new Error(`the counter is ${count} after 3 requests`)
  }
