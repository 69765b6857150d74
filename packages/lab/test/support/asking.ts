/** A client with a bound of attempts, on which faults are tried. */
import { explore, type LabScenario } from '../../src/index.ts'
import { echoDatagrams } from './echo.ts'

export const OPTIONS = { world: 'memory', captures: false, timeout: '60s' } as const

/** A client that asks a server every second. Each question has `attempts`, each of a second. */
export const asking =
  (attempts: number): LabScenario =>
  async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server, { wire: 'delay 5ms' })
    await server.start(echoDatagrams)
    const socket = await client.createSocket('udp4')
    for (let question = 1; question <= 2; question++) {
      const answered = new Promise<true>(resolve => socket.once('message', () => resolve(true)))
      let isAnswered = false
      for (let left = attempts; left > 0 && !isAnswered; left--) {
        socket.send(`question ${question}`, 5000, 'server')
        isAnswered = await Promise.race([answered, lab.sleep('1s').then(() => false)])
      }
      if (!isAnswered) throw new Error(`question ${question} has no reply`)
    }
  }

export const verdictsOf = async (scenario: LabScenario, fault: string) => {
  const report = await explore(scenario, { ...OPTIONS, faults: [fault] })
  return report.points.map(({ verdict }) => verdict)
}
