import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import {
  CONNECTIONS,
  hosts,
  onLines,
  PORT,
  retried,
  type Scenario,
  type SubjectFaults,
} from '../subject.ts'

export const bug =
  'the client repeats an order on a new connection, and the shop takes it for another order'

export const options = CONNECTIONS

export const faults: SubjectFaults = [
  [
    {
      direction: 'ba',
      action: 'reset',
      filter: 'tcp src port 7 and tcp[tcpflags] & tcp-push != 0',
      when: { nth: 1 },
    },
  ],
]

const scenario =
  (knowsOrders: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await hosts(lab)
    const orders: string[] = []
    const shop = net.createServer(socket => {
      socket.on('error', () => {})
      onLines(socket, order => {
        if (!knowsOrders || !orders.includes(order)) {
          orders.push(order)
        }
        socket.end('thanks\n')
      })
    })
    await server.listen(shop, PORT)

    await retried(async () => {
      const socket = client.createConnection(PORT, 'server')
      socket.write('order 17\n')
      const [reply] = await once(socket, 'data')
      assert.equal(String(reply), 'thanks\n')
      socket.destroy()
    })

    assert.deepEqual(orders, ['order 17'])
  }

export const broken = scenario(false)
export const fixed = scenario(true)
