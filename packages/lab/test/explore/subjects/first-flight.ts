import { onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the server refuses a client whose key arrives before its hello'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer({ delay: '20ms' }, { nth: 1 })],
  [udp.toServer('drop', { nth: 1 })],
]

const scenario =
  (acceptsAnyOrder: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let hasHello = false
    serve(server, ({ type }) => {
      if (type === 'hello') {
        hasHello = true
      } else if (hasHello) {
        return { type: 'welcome' }
      } else if (!acceptsAnyOrder) {
        return { type: 'refused' }
      }
      return undefined
    })

    const answered = new Promise<void>((resolve, reject) => {
      onMessages(client, ({ type }) => {
        if (type === 'welcome') {
          resolve()
        } else {
          reject(new Error(`the server answers ${type}`))
        }
      })
    })
    using _ = repeat(client, () => {
      send(client, { type: 'hello' })
      send(client, { type: 'key' })
    })
    await within(answered, 'the client has no answer')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
