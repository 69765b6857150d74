// A client sends three votes, and each once more if the link has dropped its packet or the answer.
// The vote is not counted if both packets are lost, which needs two faults. The client waits for
// the drop, not for a time: after a pause of the machine it sends the same packets.
import { setTimeout as sleep } from 'node:timers/promises'

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab }) {
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  const counted = new Set()
  receiver.on('message', (message, from) => {
    counted.add(String(message))
    receiver.send(message, from.port, from.address)
  })
  const sender = await client.createSocket('udp4')
  const answered = new Set()
  sender.on('message', message => answered.add(String(message)))
  for (const vote of ['one', 'two', 'three']) {
    for (let copy = 0; copy < 2 && !answered.has(vote); copy++) {
      const before = await dropsOf(link)
      sender.send(vote, 5000, 'server')
      while (!answered.has(vote) && (await dropsOf(link)) === before) {
        await sleep(2)
      }
    }
  }
  if (counted.size !== 3) throw new Error(`counted ${[...counted].join(' and ')}`)
}

/** Returns how many packets a link has lost. */
export async function dropsOf(link) {
  const { ab, ba } = await link.stats()
  return [...ab.stages, ...ba.stages].reduce((sum, { dropped }) => sum + dropped, 0)
}
