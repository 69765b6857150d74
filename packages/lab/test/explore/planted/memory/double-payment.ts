import http from 'node:http'
import { type Planted, star } from '../planted.ts'

export const bug = 'a payment is sent again after its reply was lost, and executed twice'
export const program = 'Node, in memory'
export const faults = ['mute 2s on server']
export const shows = /paid \d times/

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, server] = await star(lab, 'client', 'server')
    const executed = new Set<string>()
    let paid = 0
    await server.start(({ host }) =>
      host.listen(
        http.createServer(({ headers }, response) => {
          const key = String(headers['idempotency-key'])
          if (isBroken || !executed.has(key)) paid++
          executed.add(key)
          response.end('paid')
        }),
        80,
      ),
    )
    const pay = async (key: string): Promise<void> => {
      for (let attempts = 5; attempts > 0; attempts--) {
        const options = { method: 'POST', headers: { 'idempotency-key': key }, signal: AbortSignal.timeout(1000) }
        const response = await client.fetch('http://server/', options).catch(() => undefined)
        if ((await response?.text().catch(() => undefined)) === 'paid') return
      }
      throw new Error('the payment has no reply')
    }
    await pay('order 1')
    await lab.sleep('10s')
    if (paid !== 1) throw new Error(`the order was paid ${paid} times`)
  }
