import { INTERVAL, onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import {
  DATAGRAMS,
  type Scenario,
  type SubjectFaults,
  type SubjectOptions,
  udp,
  within,
} from '../subject.ts'

export const bug =
  'the client gives up after a single retry, so that it fails if two packets are lost'

export const options: SubjectOptions = { ...DATAGRAMS, faults: ['drop'], pairs: true }

export const faults: SubjectFaults = [
  [udp.toServer('drop', { first: 2 })],
  [udp.toServer('drop', { nth: 1 }), udp.fromServer('drop', { nth: 1 })],
]

const scenario =
  (retries: number): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    serve(server, () => ({ type: 'reply' }))

    for (const id of [1, 2]) {
      const replied = new Promise<void>(resolve => {
        onMessages(client, reply => reply.id === id && resolve())
      })
      let left = 1 + retries
      using _ = repeat(client, () => {
        if (left-- > 0) {
          send(client, { type: 'request', id })
        }
      })
      await within(replied, `the client has no reply to request ${id}`, (1 + retries) * INTERVAL)
    }
  }

export const broken = scenario(1)
export const fixed = scenario(4)
