import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Parts, type Planted, star } from '../planted.ts'

export const bug = 'a request is repeated without a deadline, so that its caller waits forever'
export const program = 'Node, in memory'
export const faults = ['crash on server', 'silence forever']
export const shows = /has not ended/

/** Milliseconds for all attempts. */
const DEADLINE = 10_000

export const parts: Parts = isBroken => ({
  server: ({ host }) =>
    host.listen(
      http.createServer((_, response) => response.end('reply')),
      80,
    ),
  async client({ host, lab, server }) {
    /** Returns undefined if the server does not reply. */
    const get = async (): Promise<string | undefined> => {
      const deadline = isBroken ? Number.POSITIVE_INFINITY : Date.now() + DEADLINE
      for (let wait = 100; Date.now() < deadline; wait *= 2) {
        const response = await host
          .fetch(`http://${server}/`, { signal: AbortSignal.timeout(1000) })
          .catch(() => {})
        const text = await response?.text().catch(() => {})
        if (text !== undefined) return text
        await sleep(wait)
      }
    }
    const late = async () => {
      await lab.sleep('1min')
      throw new Error('a request has not ended after 1 min')
    }
    for (let requests = 2; requests > 0; requests--) {
      await Promise.race([get(), late()])
    }
  },
})

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [client, server] = await star(lab, 'client', 'server')
    const programs = parts(isBroken)
    await server.start(({ host }) => programs.server({ host, lab, signal, server: 'server' }))
    await programs.client({ host: client, lab, signal, server: 'server' })
  }
