/** A client and a server in memory, 10 ms apart, for tests of their faults. */
import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Lab, LabHost, LabLink } from '../../src/index.ts'
import { test as labTest } from '../../src/vitest.ts'

export interface Pair {
  readonly lab: Lab
  readonly link: LabLink
  readonly client: LabHost
  readonly server: LabHost
}

/** Makes the hosts of a lab in memory. */
export async function makePair(lab: Lab): Promise<Pair> {
  const [client, server] = lab.hosts('client', 'server')
  return { lab, client, server, link: await lab.cable(client, server, { wire: 'delay 10ms' }) }
}

type Use<T> = (value: T) => Promise<void>

/** A test with a pair, and with its parts by their names. */
export const test = labTest.extend({
  world: 'memory',
  pair: async ({ lab }: { lab: Lab }, use: Use<Pair>) => use(await makePair(lab)),
  client: async ({ pair }: { pair: Pair }, use: Use<LabHost>) => use(pair.client),
  server: async ({ pair }: { pair: Pair }, use: Use<LabHost>) => use(pair.server),
})

/** Returns the frames that the server has sent. */
export async function sentByServer({ link }: Pair): Promise<number> {
  return (await link.stats()).b.sent
}

/** Sends a request by a connection of its own. Returns the text and the date of the response. */
export async function get({ client }: Pair, path = '/'): Promise<{ text: string; date: number }> {
  const [response] = await once(
    http.get({ agent: client.agent(), host: 'server', path }),
    'response',
  )
  return { text: await text(response), date: Date.parse(response.headers.date) }
}

export function echo(socket: Socket): Socket {
  socket.on('error', () => {}).pipe(socket)
  return socket
}

/** Returns what a socket reads, and its other events, as one list. */
export function eventsOf(socket: Socket, events: string[] = []): string[] {
  socket.on('data', data => events.push(String(data)))
  for (const name of ['end', 'close', 'timeout']) {
    socket.on(name, () => events.push(name))
  }
  socket.on('error', ({ message }) => events.push(message))
  return events
}
