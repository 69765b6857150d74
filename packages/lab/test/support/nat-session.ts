/** A client inside a NAT, with a session that its server knows by address and port. */
import { once } from 'node:events'
import type { Lab, LabRouterOptions } from '../../src/index.ts'

/** The names of the packets at which the NAT forgets its mappings. */
export const [ASK_INSIDE, REPLY] = [
  'client-nat ab udp client:* > server:5000 packet 2',
  'client-nat ba udp server:5000 > client:* packet 1',
] as const

/**
 * Returns a scenario: the client logs in, and asks. `logins` is how often it logs in before it
 * gives up: after the first time, because the server did not know it, or did not reply.
 */
export function session(logins: number, nat: LabRouterOptions['nat'] = 'restricted') {
  return async ({ lab }: { lab: Lab }): Promise<void> => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.router('nat', {
      inside: [client],
      outside: server,
      ...(nat !== undefined && { nat }),
    })
    const known = new Set<string>()
    const receiver = await server.createSocket('udp4', 5000)
    receiver.on('message', (message, { address, port }) => {
      if (String(message) === 'login') {
        known.add(`${address} ${port}`)
      }
      receiver.send(known.has(`${address} ${port}`) ? 'yes' : 'unknown', port, address)
    })
    const socket = await client.createSocket('udp4')
    const ask = async (text: string): Promise<boolean> => {
      const reply = once(socket, 'message').then(([message]) => String(message) === 'yes')
      socket.send(text, 5000, 'server')
      return Promise.race([reply, lab.sleep('500ms').then(() => false)])
    }
    for (let left = logins; left > 0; left--) {
      if ((await ask('login')) && (await ask('ask'))) {
        return
      }
    }
    throw new Error('the session is dead')
  }
}
