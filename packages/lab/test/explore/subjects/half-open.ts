import { ask, INTERVAL, onMessages, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the server keeps a half-open connection for ever, and has room for one'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.fromServer('drop', { nth: 1 })],
  [udp.fromServer('corrupt', { nth: 1 })],
]

/** Longer than a repeated confirmation takes. */
const EXPIRY = 300

const scenario =
  (expiryTime: number): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    const connections = new Set<number>()
    let halfOpen: { readonly id: number; readonly since: number } | undefined
    serve(server, ({ type, id = 0 }) => {
      const now = performance.now()
      if (halfOpen !== undefined && now - halfOpen.since > expiryTime) {
        halfOpen = undefined
      }
      if (type === 'open') {
        if (halfOpen !== undefined && halfOpen.id !== id) return { type: 'busy' }
        if (!connections.has(id)) {
          halfOpen = { id, since: now }
        }
        return { type: 'accept' }
      }
      if (halfOpen?.id === id) {
        connections.add(id)
        halfOpen = undefined
      }
      return { type: connections.has(id) ? 'established' : 'unknown' }
    })

    /** Each attempt is a connection of its own, as if from another port. */
    const open = async (id: number): Promise<boolean> => {
      const accepted = new Promise<boolean>(resolve => {
        setTimeout(resolve, INTERVAL, false)
        onMessages(client, reply => reply.id === id && reply.type === 'accept' && resolve(true))
      })
      send(client, { type: 'open', id })
      return (await accepted) && (await ask(client, { type: 'confirm', id })).type === 'established'
    }
    const establish = async () => {
      for (let id = 1; id < 8; id++) {
        if (await open(id)) {
          return
        }
      }
      throw new Error('the client has not established a connection')
    }
    await within(establish(), 'the client waits for a connection')
  }

export const broken = scenario(Number.POSITIVE_INFINITY)
export const fixed = scenario(EXPIRY)
