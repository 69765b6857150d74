import { ask, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug =
  'the client sends its last packet, the commit, once and does not wait for a reply'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer('drop', { nth: 2 })],
  [udp.toServer('corrupt', { nth: 2 })],
]

const scenario =
  (repeatsCommit: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    const committed = new Promise<void>(resolve => {
      serve(server, ({ type }) => {
        if (type === 'commit') {
          resolve()
        }
        return { type: 'ok' }
      })
    })
    await ask(client, { type: 'write', id: 1, text: 'hello' })
    const commit = { type: 'commit', id: 2 }
    if (repeatsCommit) {
      await ask(client, commit)
    } else {
      send(client, commit)
    }
    await within(committed, 'the server has not committed what the client wrote')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
