import assert from 'node:assert/strict'
import { ask, type Message, serve, sockets } from '../datagrams.ts'
import { type Cause, DATAGRAMS, type Scenario } from '../subject.ts'

export const bug =
  'request numbers have three digits, and the thousandth gets the reply to the first'

export const options = DATAGRAMS

const scenario =
  (numbers: number, count = 3): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab, '')
    const replies = new Map<number, Message>()
    serve(server, ({ id, value }) => {
      const reply = replies.get(Number(id)) ?? { type: 'doubled', value: 2 * Number(value) }
      replies.set(Number(id), reply)
      return reply
    })

    for (let value = 0; value <= count; value++) {
      const reply = await ask(client, { type: 'double', id: value % numbers, value })
      assert.equal(reply.value, 2 * value)
    }
  }

const THREE_DIGITS = 1000

export const broken = scenario(THREE_DIGITS)
export const fixed = scenario(2 ** 32)
export const cause: Cause = {
  broken: scenario(THREE_DIGITS, 1000),
  fixed: scenario(2 ** 32, 1000),
}
