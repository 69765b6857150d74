import net, { type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { LabHost } from '../../../../src/index.ts'
import { type Parts, type Planted, star } from '../planted.ts'

export const bug =
  'a subscriber that connects again misses the events between snapshot and subscription'
export const program = 'Node, in memory'
export const faults = ['forget on subscriber']
export const shows = /events are missing/

const EVENTS = 20
/** Milliseconds between events: several are in each round trip. */
const INTERVAL = 4

/** The feed starts with the first subscription. It sends all events after a number, or new ones. */
async function serveFeed(host: LabHost): Promise<void> {
  let last = 0
  const subscribed = new Map<Socket, number>()
  const feed = () => {
    if (last < EVENTS && (last > 0 || subscribed.size > 0)) {
      last++
    }
    for (const [socket, sent] of subscribed) {
      for (let event = sent + 1; event <= last; event++) {
        socket.write(`${event}\n`)
      }
      subscribed.set(socket, last)
    }
  }
  const server = net.createServer(socket => {
    socket.on('error', () => {}).on('close', () => subscribed.delete(socket))
    createInterface({ input: socket })
      .on('error', () => {})
      .on('line', line => {
        if (line === 'snapshot') {
          socket.write(`snapshot ${last}\n`)
        } else {
          subscribed.set(socket, line === 'new' ? last : Number(line))
        }
      })
  })
  setInterval(feed, INTERVAL)
  await host.listen(server, 80)
}

/** Returns all events. A snapshot has the events up to a number. */
function subscribe(
  host: LabHost,
  feed: string,
  isBroken: boolean,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const events = new Set<number>()
  return new Promise(resolve => {
    const connect = () => {
      if (signal.aborted) return
      const socket = host.createConnection(80, feed)
      socket.on('error', () => {}).on('close', connect)
      createInterface({ input: socket })
        .on('error', () => {})
        .on('line', line => {
          const [, snapshot] = line.split(' ')
          if (snapshot === undefined) {
            events.add(Number(line))
          } else {
            for (let event = 1; event <= Number(snapshot); event++) {
              events.add(event)
            }
            socket.write(isBroken ? 'new\n' : `${snapshot}\n`)
          }
          if (events.has(EVENTS)) {
            resolve(events)
          }
        })
      socket.write('snapshot\n')
    }
    connect()
  })
}

export const parts: Parts = isBroken => ({
  server: ({ host }) => serveFeed(host),
  async client({ host, signal, server }) {
    const events = await subscribe(host, server, isBroken, signal)
    if (events.size !== EVENTS) throw new Error(`${EVENTS - events.size} events are missing`)
  },
})

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [subscriber, feed] = await star(lab, 'subscriber', 'feed')
    await feed.start(({ host }) => serveFeed(host))
    await subscriber.start(({ host }) =>
      parts(isBroken).client({ host, lab, signal, server: 'feed' }),
    )
  }
