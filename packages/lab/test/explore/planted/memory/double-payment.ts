import http from 'node:http'
import { type Parts, type Planted, star } from '../planted.ts'

export const bug = 'a payment is sent again after its reply was lost, and executed twice'
export const program = 'Node, in memory'
export const faults = ['mute 2s on server']
export const shows = /paid \d times/

export const parts: Parts = isBroken => {
  const executed = new Set<string>()
  let paid = 0
  return {
    server: ({ host }) =>
      host.listen(
        http.createServer(({ headers }, response) => {
          const key = String(headers['idempotency-key'])
          if (isBroken || !executed.has(key)) {
            paid++
          }
          executed.add(key)
          response.end('paid')
        }),
        80,
      ),
    async client({ host, lab, server }) {
      const pay = async (key: string): Promise<void> => {
        for (let attempts = 5; attempts > 0; attempts--) {
          const options = {
            method: 'POST',
            headers: { 'idempotency-key': key },
            signal: AbortSignal.timeout(1000),
          }
          const response = await host.fetch(`http://${server}/`, options).catch(() => undefined)
          if ((await response?.text().catch(() => undefined)) === 'paid') return
        }
        throw new Error('the payment has no reply')
      }
      await pay('order 1')
      await lab.sleep('10s')
      if (paid !== 1) throw new Error(`the order was paid ${paid} times`)
    },
  }
}

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [client, server] = await star(lab, 'client', 'server')
    const programs = parts(isBroken)
    await server.start(({ host }) => programs.server({ host, lab, signal, server: 'server' }))
    await programs.client({ host: client, lab, signal, server: 'server' })
  }
