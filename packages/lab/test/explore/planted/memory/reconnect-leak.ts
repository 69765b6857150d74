import type { Socket } from 'node:net'
import { echo } from '../../../support/echo.ts'
import { type Parts, type Planted, star } from '../planted.ts'

export const bug = 'a client that connects again leaves its old connection open'
export const program = 'Node, in memory'
export const faults = ['silence 3s', 'pause 3s on server']
export const shows = /\d connections are open/

/** Milliseconds between pings, and without a pong until the client connects again. */
const [INTERVAL, PATIENCE] = [200, 1000]
const PONGS = 5

export const parts: Parts = isBroken => ({
  server: echo,
  async client({ host, lab, server }) {
    const open = new Set<Socket>()
    await new Promise<void>(resolve => {
      let pongs = 0
      const connect = () => {
        const socket = host.createConnection(80, server)
        open.add(socket)
        const late = () => {
          clearInterval(pinging)
          if (!isBroken) {
            socket.destroy()
          }
          connect()
        }
        let patience = setTimeout(late, PATIENCE)
        const pinging = setInterval(() => socket.write('ping'), INTERVAL)
        socket.on('error', () => {}).on('close', () => open.delete(socket))
        socket.on('data', () => {
          clearTimeout(patience)
          if (++pongs < PONGS) {
            patience = setTimeout(late, PATIENCE)
          } else {
            clearInterval(pinging)
            resolve()
          }
        })
      }
      connect()
    })
    await lab.sleep('1s')
    if (open.size !== 1) throw new Error(`${open.size} connections are open`)
  },
})

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [client, server] = await star(lab, 'client', 'server')
    await server.start(echo)
    await client.start(({ host }) =>
      parts(isBroken).client({ host, lab, signal, server: 'server' }),
    )
  }
