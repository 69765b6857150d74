import http from 'node:http'
import { type Planted, star } from '../planted.ts'
import { startServer } from '../programs.ts'

export const bug = 'a balancer takes a server for healthy if its kernel accepts a connection'
export const program = 'Go, in the kernel'
export const faults = ['pause forever on one']
export const links = ['one-balancer']
export const shows = /no request has a reply/

/** Milliseconds of an attempt: more than a health check takes. */
const PATIENCE = 2000

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [one, two, client, balancer] = await star(lab, 'one', 'two', 'client', 'balancer')
    await startServer(one, 'backend.mjs', isBroken)
    await two.listen(
      http.createServer((_, response) => response.end('reply')),
      80,
    )
    await startServer(balancer, 'balancer', isBroken)
    const get = async () => {
      const response = await client.fetch('http://balancer/', {
        signal: AbortSignal.timeout(PATIENCE),
      })
      return (await response.text()) === 'reply'
    }
    for (let attempts = 3; attempts > 0; attempts--) {
      if (await get().catch(() => false)) {
        return
      }
    }
    throw new Error('no request has a reply')
  }
