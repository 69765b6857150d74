// Code of hosts in a world that tries to reach the machine's network: by addresses that no host
// has, by names, and again and again, also while its lab ends and afterwards. Prints how the last
// attempts ended. A word on stdin lets code of no host try it, too.
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import net from 'node:net'
import { createLab } from '../../dist/index.js'

const [, , world] = process.argv
const AWAY = '198.18.99.2'
const { connect } = net.Socket.prototype
const lab = await createLab({ world })
const other = await createLab({ world })
const [a, b] = lab.hosts('a', 'b')
await lab.cable(a, b)
const [c] = other.hosts('c')

if (net.Socket.prototype.connect !== connect) {
  throw new Error('Node is changed before the first run')
}
const endOf = async emitter => (await once(emitter, 'error'))[0].code
const tries = async () => {
  const socket = dgram.createSocket('udp4')
  const failed = endOf(socket)
  const sent = new Promise(resolve =>
    socket.send('x', 53, AWAY, error => resolve(error?.code ?? 'sent')),
  )
  const outcome = await Promise.race([failed, sent])
  if (outcome !== 'ENETDOWN') {
    socket.close()
  }
  const found = await dns.promises.resolve4('example.net').catch(error => error.code)
  return [await endOf(net.connect(53, AWAY)), outcome, found]
}

await a.run(tries)
// Within code of another host, and of another lab.
await a.run(() => c.run(tries))
// A socket that is made by one host and used by another.
const passed = a.run(() => dgram.createSocket('udp4').bind(0))
await once(passed, 'listening')
b.run(() => passed.send('x', 53, AWAY, () => {}))
let attempts = 0
let ended
const again = a.run(async () => {
  for (let last; ; attempts++) {
    last = await tries()
    if (ended && ++ended > 3) return last
    // A turn of the event loop.
    await new Promise(resolve => setImmediate(resolve))
  }
})
while (attempts < 2) {
  await new Promise(resolve => setImmediate(resolve))
}
await lab.close()
await other.close()
ended = 1
console.log(JSON.stringify(await again))
await once(process.stdin, 'data')
await tries()
