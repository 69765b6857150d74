// A client that sends one datagram. The module knows the earlier runs of its process; what it does
// with this knowledge is in its URL: reused.mjs?again.
import { setTimeout as sleep } from 'node:timers/promises'
import { dropsOf } from './vote.mjs'

const mode = new URL(import.meta.url).search.slice(1)
let runs = 0
let hasFailed = false

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab }) {
  const isAgain = ++runs > 1
  if (hasFailed) throw new Error('the process of a run that failed runs again')
  if (isAgain && (mode === 'again' || mode === 'leave')) throw new Error(`run ${runs} of a process`)
  if (mode === 'leave') {
    setInterval(() => {}, 1000)
  }
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  let hasArrived = false
  receiver.on('message', () => {
    hasArrived = true
  })
  const sender = await client.createSocket('udp4')
  // The first run, three clean ones and one with a fault are before the last one.
  if (mode === 'more' && runs > 5) {
    sender.send('more', 5001, 'server')
  }
  sender.send('hello', 5000, 'server')
  while (!hasArrived) {
    await sleep(2)
    if ((await dropsOf(link)) === 0) continue
    if (mode === 'later' && !isAgain) return
    hasFailed = true
    throw new Error('lost')
  }
}

export const options = {
  concurrency: 1,
  faults: ['drop', 'duplicate'],
  captures: false,
  timeout: 20_000,
}
