import { onMessages, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp } from '../subject.ts'

export const bug = 'a retransmission starts a second timer, and the reply clears only that one'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer('drop', { nth: 1 })],
  [udp.fromServer('drop', { nth: 1 })],
]

/** The wire makes the round trip 60 ms, so that the requests after a fault outlast its timer. */
const WIRE = 'delay 30ms'
const REPEAT_AFTER = 250
const DEAD_AFTER = 400

const scenario =
  (clearsBoth: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab, WIRE)
    serve(server, ({ id }) => ({ type: 'reply', id }))

    const timers = new Set<NodeJS.Timeout>()
    const after = (ms: number, call: () => void) => {
      const timer = setTimeout(call, ms)
      timers.add(timer)
      return timer
    }
    const session = new Promise<void>((resolve, reject) => {
      let id = 1
      let repeat: NodeJS.Timeout
      let dead: NodeJS.Timeout | undefined
      const transmit = () => {
        send(client, { type: 'request', id })
        repeat = after(REPEAT_AFTER, transmit)
        if (clearsBoth) {
          clearTimeout(dead)
        }
        dead = after(DEAD_AFTER, () =>
          reject(new Error('the client believes that the server is dead')),
        )
      }
      onMessages(client, reply => {
        if (reply.id !== id) return
        clearTimeout(repeat)
        clearTimeout(dead)
        if (id++ === 4) {
          resolve()
        } else {
          transmit()
        }
      })
      transmit()
    })
    try {
      await session
    } finally {
      for (const timer of timers) {
        clearTimeout(timer)
      }
    }
  }

export const broken = scenario(false)
export const fixed = scenario(true)
