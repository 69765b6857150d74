import assert from 'node:assert/strict'
import { onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug =
  'a resolver with two queries under way takes the replies in order and compares no ids'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer({ delay: '20ms' }, { nth: 1 })],
  [udp.fromServer('drop', { nth: 1 })],
]

const RECORDS: Readonly<Record<string, string>> = { A: '192.0.2.1', AAAA: '2001:db8::1' }

const scenario =
  (comparesIds: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    serve(server, ({ type }) => ({ type: 'reply', record: RECORDS[type] }))

    const waiting = Object.keys(RECORDS).map((type, id) => ({ type, id }))
    const records: Record<string, unknown> = {}
    const resolved = new Promise<void>(resolve => {
      onMessages(client, ({ id, record }) => {
        const at = comparesIds ? waiting.findIndex(query => query.id === id) : 0
        const [query] = at < 0 ? [] : waiting.splice(at, 1)
        if (query !== undefined) {
          records[query.type] = record
        }
        if (waiting.length === 0) {
          resolve()
        }
      })
    })
    using _ = repeat(client, () => {
      for (const query of waiting) {
        send(client, query)
      }
    })
    await within(resolved, 'the resolver has no reply')

    assert.deepEqual(records, RECORDS)
  }

export const broken = scenario(false)
export const fixed = scenario(true)
