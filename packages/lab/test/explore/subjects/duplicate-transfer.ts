import assert from 'node:assert/strict'
import { ask, type Message, serve, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp } from '../subject.ts'

export const bug =
  'the bank transfers the amount again for a duplicate or a retransmission of the request'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer('duplicate', { nth: 1 })],
  [udp.fromServer('drop', { nth: 1 })],
]

const scenario =
  (remembersTransfers: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    const transfers = new Map<number, Message>()
    let balance = 100
    serve(server, ({ type, id, amount }) => {
      if (type === 'balance') return { type, balance }
      const done = transfers.get(Number(id))
      if (done !== undefined && remembersTransfers) return done
      balance -= Number(amount)
      const reply = { type, balance }
      transfers.set(Number(id), reply)
      return reply
    })

    await ask(client, { type: 'transfer', id: 1, amount: 10 })
    const reply = await ask(client, { type: 'balance', id: 2 })

    assert.equal(reply.balance, 90, 'the balance after a transfer of 10 from 100')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
