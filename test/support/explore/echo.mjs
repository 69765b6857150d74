// A client that asks once more after 500 ms without a reply, and a server that counts requests
// that it has not seen. What it does wrong is in the environment variable ECHO_BUG.
import { setImmediate as pollOnce, setTimeout as sleep } from 'node:timers/promises'

const bug = process.env.ECHO_BUG

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab, signal }) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const counted = []
  const receiver = await server.createSocket('udp4', 5000)
  receiver.on('message', (message, from) => {
    if (bug === 'twice' || !counted.includes(String(message))) {
      counted.push(String(message))
    }
    receiver.send(message, from.port, from.address)
  })
  const sender = await client.createSocket('udp4')
  let answers = 0
  const answered = new Promise(resolve =>
    sender.on('message', () => {
      answers++
      if (answers === 2 && bug === 'block') {
        for (;;) {}
      }
      if (answers === 2 && bug === 'reject') {
        Promise.reject(new Error('nobody handles this'))
      }
      if (answers === 2 && bug === 'leave') {
        setInterval(() => {}, 1000)
      }
      resolve()
    }),
  )
  while (answers === 0) {
    sender.send('question', 5000, 'server')
    await Promise.race([answered, sleep(500, undefined, { signal })])
    // After a pause of the process, a reply may wait to be read.
    await pollOnce()
    if (bug === 'once') {
      await answered
    }
  }
  // A second reply arrives meanwhile.
  await sleep(20)
  await pollOnce()
  if (counted.length !== 1) throw new Error(`counted ${counted.length} times`)
}

export const options = { faults: ['drop', 'duplicate'] }

export function invariant() {
  if (bug === 'clean') throw new Error('the invariant does not hold')
}
