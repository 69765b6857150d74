import { ask, onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the client takes its own keepalives for signs of life of the server'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.fromServer('drop', { nth: 2 })],
  [udp.fromServer('corrupt', { nth: 2 })],
]

const scenario =
  (countsOwn: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let hasLeft = false
    serve(server, ({ type }) => {
      if (hasLeft) return undefined
      hasLeft = type === 'keepalive'
      return { type: hasLeft ? 'bye' : 'welcome' }
    })

    await ask(client, { type: 'hello', id: 1 })
    let silent = 0
    let repeating: Disposable | undefined
    const left = new Promise<void>(resolve => {
      onMessages(client, ({ type }) => {
        silent = 0
        if (type === 'bye') {
          resolve()
        }
      })
      repeating = repeat(client, () => {
        if (++silent > 3) {
          resolve()
        }
        send(client, { type: 'keepalive', id: 2 })
        if (countsOwn) {
          silent = 0
        }
      })
    })
    try {
      await within(left, 'the client still waits for a server that has left')
    } finally {
      repeating?.[Symbol.dispose]()
    }
  }

export const broken = scenario(true)
export const fixed = scenario(false)
