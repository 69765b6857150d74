import { asker, serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'
import { run } from '../programs.ts'

export const bug =
  'a lock that has expired in a pause is released, although another program has it now'
export const program = 'Go, in the kernel'
export const faults = ['pause 2s on one']
export const links = ['one-locks']
export const shows = /the lock of two was released/

/** Milliseconds of a lock. */
const EXPIRY = { one: 1000, two: 60_000 }

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [one, two, locks] = await star(lab, 'one', 'two', 'locks')
    let holder: unknown
    let expiry = 0
    let taken = () => {}
    const isTaken = new Promise<void>(resolve => {
      taken = resolve
    })
    await serve(locks, ({ verb, name }) => {
      if (verb === 'release') {
        holder = name === undefined || name === holder ? undefined : holder
      } else if (holder === undefined || Date.now() >= expiry) {
        holder = name
        expiry = Date.now() + EXPIRY[name as 'one' | 'two']
        taken()
      }
      return { holder }
    })
    const ended = run(one, 'locker', isBroken)
    await isTaken
    const ask = await asker(two)
    while ((await ask('locks', { verb: 'take', name: 'two' }))?.holder !== 'two') {
      await lab.sleep(50)
    }
    await ended
    if (holder !== 'two') throw new Error('the lock of two was released by one')
  }
