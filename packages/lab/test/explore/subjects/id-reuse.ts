import assert from 'node:assert/strict'
import { type Message, onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug =
  'the client gives a new request the lowest free id, which the one before it has just freed'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.fromServer('duplicate', { nth: 1 })],
  [udp.toServer('duplicate', { nth: 1 })],
]

const VALUES: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3 }

const scenario =
  (reusesIds: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    serve(server, ({ type, key }) => ({ type, value: VALUES[String(key)] }))

    const pending = new Map<number, (reply: Message) => void>()
    onMessages(client, reply => pending.get(Number(reply.id))?.(reply))
    let last = 0
    const nextId = () => {
      if (!reusesIds) return ++last
      let lowest = 0
      while (pending.has(lowest)) {
        lowest++
      }
      return lowest
    }
    const get = async (key: string) => {
      const id = nextId()
      const reply = new Promise<Message>(resolve => pending.set(id, resolve))
      using _ = repeat(client, () => send(client, { type: 'get', id, key }))
      try {
        return (await within(reply, `the client has no value of ${key}`)).value
      } finally {
        pending.delete(id)
      }
    }

    for (const [key, value] of Object.entries(VALUES)) {
      assert.equal(await get(key), value, `the value of ${key}`)
    }
  }

export const broken = scenario(true)
export const fixed = scenario(false)
