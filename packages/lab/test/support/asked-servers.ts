/** Servers that are asked in turn, for faults that hit one of them. */
import { type ExploreOptions, explore, type Hit, type LabScenario } from '../../src/index.ts'

export const OPTIONS = { world: 'memory', captures: false, timeout: '60s' } as const

/** The server that is asked next. */
export let leader = ''

/** A client that asks the servers a and b one after the other, once each. */
export const scenario: LabScenario = async ({ lab }) => {
  const [client, ...servers] = lab.hosts('client', 'a', 'b')
  for (const server of servers) {
    await lab.cable(client, server, { wire: 'delay 5ms' })
    await server.start(async ({ host }) => {
      const socket = await host.createSocket('udp4', 5000)
      socket.on('message', (message, from) => socket.send(message, from.port, from.address))
    })
  }
  const socket = await client.createSocket('udp4')
  for (const { name } of servers) {
    leader = name
    const answered = new Promise<true>(resolve => socket.once('message', () => resolve(true)))
    socket.send('question', 5000, name)
    if (!(await Promise.race([answered, lab.sleep('1s').then(() => false)]))) {
      throw new Error(`${name} has no reply`)
    }
  }
}

export const reportOf = (hit: Hit | undefined, fault = 'pause 2500ms', timeout = '60s') => {
  const given: ExploreOptions = {
    ...OPTIONS,
    faults: [fault],
    filter: 'udp dst port 5000',
    timeout,
  }
  return explore(scenario, hit === undefined ? given : { ...given, hit })
}

/** Returns which server has no reply, for faults at the question to a, and at the question to b. */
export const silentOf = async (hit: Hit | undefined, fault?: string) => {
  const { points } = await reportOf(hit, fault)
  return points.map(({ error = '' }) => /(\w) has no reply/.exec(error)?.[1])
}
