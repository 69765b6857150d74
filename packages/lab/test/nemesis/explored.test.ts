/** explore with faults of links and hosts, in memory. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { explore, type LabScenario } from '../../src/index.ts'
import { asking, OPTIONS } from '../support/asking.ts'

test('a repeated failure reports what happened, without frames of explore and Node', async () => {
  const fault = 'silence forever client-server ab udp client:* > server:5000 packet 1'
  const error = await explore
    .repeat(asking(1), [fault], { world: 'memory' })
    .catch(reason => reason)
  expect(error.message).toMatch(/\nat \d+\.\d ms client-server loses all packets$/)
  expect(error.message).toContain('asking.ts')
  expect(error.message).not.toMatch(/node:|run-once/)
})

test('a fault that is repeated needs the name of its host', async () => {
  const fault = 'pause 5s client-server ab udp client:* > server:5000 packet 1'
  const why = `'${fault}': name the host that it hits: pause 5s on server`
  await expect(explore.repeat(asking(1), [fault], { world: 'memory' })).rejects.toThrow(why)
})

test.each(['', 'delay 5ms'])(
  'forget loses the acknowledgment of its packet (wire: %s)',
  async wire => {
    const scenario: LabScenario = async ({ lab }) => {
      const [client, server] = lab.hosts('client', 'server')
      await lab.cable(client, server, { wire })
      await server.listen(createServer(), 80)
      const socket = await client.connect(80, 'server')
      const failed = once(socket, 'error')
      socket.write('hello')
      // The client repeats the data, and this has the only reply. Without one it would wait for
      // ever.
      const [error] = await Promise.race([failed, lab.sleep(5000).then(() => ['late'])])
      if (error.code !== 'ECONNRESET') throw new Error(String(error))
    }
    const fault = 'forget on server client-server ab tcp client:* > server:80 seq 1'
    await explore.repeat(scenario, [fault], { world: 'memory', timeout: '60s' })
  },
)

test.each([
  ['clock +1m', "'1m' is not a duration: write 1min for minutes"],
  ['clock 5s on server', 'say by how much the clock jumps'],
  ['crash 5s on server', 'is not a fault'],
  ['rebind 5s on router', 'is not a fault'],
  ['drop on server', 'is not a fault'],
  ['repair on server', 'is not a fault'],
])('%s is refused', async (fault, why) => {
  await expect(explore(asking(1), { ...OPTIONS, faults: [fault] })).rejects.toThrow(why)
})

test('a fault that memory cannot do is refused with the reason', async () => {
  await expect(explore(asking(1), { ...OPTIONS, faults: ['full on server'] })).rejects.toThrow(
    'full: ',
  )
})

const SYN_AGAIN = 'client-server ab tcp client:* > server:80 seq 0 copy 2'

const REQUEST = 'client-server ab tcp client:* > server:80 seq 1'

const SERVER_ACK = 'client-server ba tcp server:80 > client:* ack 1'

/** Sends a request. The reply must have the right time. */
const requesting: LabScenario = async ({ lab, signal }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.start(({ host }) =>
    host.listen(
      createServer((_, response) => response.end(String(Date.now()))),
      80,
    ),
  )
  const date = await (await client.fetch('http://server/', { signal })).text()
  expect(Math.abs(Number(date) - Date.now())).toBeLessThan(10_000)
}

test.each([
  ['silence forever', 'seq 0', SYN_AGAIN],
  ['mute forever', 'seq 0', SYN_AGAIN],
  ['silence 1h on server', 'seq 1', `${REQUEST} copy 2`],
  ['pause forever on server', 'seq 1', SERVER_ACK],
  ['crash on server', 'seq 0', SYN_AGAIN],
  ['clock +1h on server', 'seq 0', REQUEST],
])('%s ends at a repair, at whose packet a run continues', async (fault, at, repair) => {
  const lasting = `${fault} client-server ab tcp client:* > server:80 ${at}`
  const options = { world: 'memory', timeout: '5s' } as const
  await expect(explore.repeat(requesting, [lasting], options)).rejects.toThrow()
  await explore.repeat(requesting, [lasting, `repair ${repair}`], options)
})

test('a host that two faults have stopped continues after the second one', async () => {
  const twice = ['pause 4s', 'pause 1s'].map(
    (fault, i) => `${fault} on server client-server ab tcp client:* > server:80 seq ${i}`,
  )
  const options = { world: 'memory' } as const
  await expect(explore.repeat(requesting, twice, { ...options, timeout: '3s' })).rejects.toThrow(
    'timed out',
  )
  await explore.repeat(requesting, twice, { ...options, timeout: '5s' })
})
