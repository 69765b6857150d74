import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the pause between two samples grows after a lost one, and never shrinks again'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer('drop', { nth: 1 })],
  [udp.fromServer('drop', { nth: 2 })],
]

const SAMPLES = 4
const SHORTEST_PAUSE = 10

const scenario =
  (resetsPause: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    serve(server, () => ({ type: 'taken' }))

    let pause = SHORTEST_PAUSE
    for (let id = 1; id <= SAMPLES; id++) {
      let transmissions = 0
      const taken = new Promise<void>(resolve => {
        onMessages(client, reply => reply.id === id && resolve())
      })
      {
        using _ = repeat(client, () => {
          transmissions++
          send(client, { type: 'sample', id })
        })
        await within(taken, `sample ${id} is not taken`)
      }
      if (transmissions > 1) {
        pause *= 4
      } else if (resetsPause) {
        pause = SHORTEST_PAUSE
      }
      if (transmissions === 1) {
        assert.equal(pause, SHORTEST_PAUSE, 'the pause after a sample without loss')
      }
      await setTimeout(pause)
    }
  }

export const broken = scenario(false)
export const fixed = scenario(true)
