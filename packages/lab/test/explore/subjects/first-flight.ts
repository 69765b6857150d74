import { onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFault, within } from '../subject.ts'

export const bug = 'the server refuses a client whose key arrives before its hello'

export const options = DATAGRAMS

export const faults: readonly (readonly SubjectFault[])[] = [
  [{ direction: 'ab', action: { delay: '20ms' }, filter: 'udp dst port 7', when: { nth: 1 } }],
  [{ direction: 'ab', action: 'drop', filter: 'udp dst port 7', when: { nth: 1 } }],
]

const scenario =
  (acceptsAnyOrder: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let hasHello = false
    serve(server, ({ type }) => {
      if (type === 'hello') hasHello = true
      else if (hasHello) return { type: 'welcome' }
      else if (!acceptsAnyOrder) return { type: 'refused' }
      return undefined
    })

    const answered = new Promise<void>((resolve, reject) => {
      onMessages(client, ({ type }) => {
        if (type === 'welcome') resolve()
        else reject(new Error(`the server answers ${type}`))
      })
    })
    const stop = repeat(client, () => {
      send(client, { type: 'hello' })
      send(client, { type: 'key' })
    })
    try {
      await within(answered, 'the client has no answer')
    } finally {
      stop()
    }
  }

export const broken = scenario(false)
export const fixed = scenario(true)
