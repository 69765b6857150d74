import assert from 'node:assert/strict'
import { onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the publisher of a QoS 2 message takes a repeated PUBREC for a protocol error'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.fromServer('duplicate', { nth: 1 })],
  [udp.toServer('duplicate', { nth: 1 })],
]

const scenario =
  (acceptsRepeated: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    const received = new Set<number>()
    let delivered = 0
    serve(server, ({ type, id }) => {
      if (type === 'pubrel') return { type: 'pubcomp' }
      if (!received.has(Number(id))) {
        delivered++
      }
      received.add(Number(id))
      return { type: 'pubrec' }
    })

    let state = 'publish'
    const transmit = () => send(client, { type: state, id: 1 })
    const completed = new Promise<void>((resolve, reject) => {
      onMessages(client, ({ type }) => {
        if (type === 'pubcomp') return resolve()
        if (state === 'pubrel' && !acceptsRepeated) {
          reject(new Error('the publisher does not expect a PUBREC'))
        }
        state = 'pubrel'
        transmit()
      })
    })
    using _ = repeat(client, transmit)
    await within(completed, 'the publisher has no PUBCOMP')

    assert.equal(delivered, 1, 'the broker delivers the message once')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
