import { setTimeout } from 'node:timers/promises'
import { ask, INTERVAL, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFault } from '../subject.ts'

export const bug = 'the pause between two samples grows after a lost one, and never shrinks again'

export const options = DATAGRAMS

export const faults: readonly (readonly SubjectFault[])[] = [
  [{ direction: 'ab', action: 'drop', filter: 'udp dst port 7', when: { nth: 1 } }],
  [{ direction: 'ba', action: 'drop', filter: 'udp src port 7', when: { nth: 2 } }],
]

const SAMPLES = 6
const PAUSE = 10
const LONGEST_PAUSE = 250
/** Milliseconds from the first sample on, in which the server takes samples. */
const WINDOW = 800

const scenario =
  (resetsPause: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let opened: number | undefined
    serve(server, () => {
      opened ??= performance.now()
      return { type: performance.now() - opened < WINDOW ? 'taken' : 'too late' }
    })

    let pause = PAUSE
    for (let id = 1; id <= SAMPLES; id++) {
      const asked = performance.now()
      const { type } = await ask(client, { type: 'sample', id })
      if (type !== 'taken') throw new Error(`the server says of sample ${id}: ${type}`)
      if (performance.now() - asked >= INTERVAL) pause = LONGEST_PAUSE
      else if (resetsPause) pause = PAUSE
      await setTimeout(pause)
    }
  }

export const broken = scenario(false)
export const fixed = scenario(true)
