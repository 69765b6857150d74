/**
 * `node udp-flows.mjs NEAR FAR REACHED FLOWS COUNT` sends COUNT numbered datagrams per flow from
 * NEAR to REACHED, where a socket at FAR receives and echoes them. Prints as JSON how many arrived
 * at either end, and how many of these after a later one of their flow.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

const [near, far, reached, flows, count] = process.argv
  .slice(2)
  .map((word, i) => (i < 3 ? word : Number(word)))
/**
 * Datagrams of a flow in flight: more than a driver reads in one turn, less than a socket buffers.
 */
const WINDOW = 150
/** Concurrent flows: together their windows fit a transmit ring. */
const AT_A_TIME = 4
const FIRST_PORT = 7000

const there = { arrived: 0, late: 0 }
const back = { arrived: 0, late: 0 }

/** Counts a datagram of a flow that expects number `next`; returns the number to expect then. */
function note(into, message, next) {
  const number = message.readUInt32LE(0)
  into.arrived++
  if (number < next) {
    into.late++
  }
  return Math.max(next, number + 1)
}

async function flow(port) {
  const server = createSocket('udp4')
  let expected = 0
  // The kernel (tun_get_user) hands a frame to its socket first, and only then notes the queue by
  // which the flow came, for the replies. So the first reply waits for the second frame: otherwise
  // it may take another queue than the later ones. With offloads one frame has many datagrams, so
  // the second is sent when the first has arrived.
  let waiting = count > 1 ? 2 : 1
  let sendOthers = () => {}
  const echoes = []
  server.on('message', (message, from) => {
    expected = note(there, message, expected)
    sendOthers()
    sendOthers = () => {}
    echoes.push(message)
    if (--waiting <= 0) {
      for (const echo of echoes.splice(0)) {
        server.send(echo, from.port, from.address)
      }
    }
  })
  server.bind(port, far)
  await once(server, 'listening')
  const client = createSocket('udp4')
  client.bind(0, near)
  await once(client, 'listening')
  client.connect(port, reached)
  await once(client, 'connect')
  let sent = 0
  const send = () => {
    const message = Buffer.alloc(64)
    message.writeUInt32LE(sent++)
    client.send(message)
  }
  await new Promise(resolve => {
    let answered = 0
    let next = 0
    client.on('message', message => {
      next = note(back, message, next)
      if (++answered === count) {
        resolve()
      } else if (sent < count) {
        send()
      }
    })
    sendOthers = () => {
      for (let i = 1; i < WINDOW && i < count; i++) {
        send()
      }
    }
    send()
  })
  client.close()
  server.close()
}

let started = 0
async function oneAfterTheOther() {
  while (started < flows) {
    await flow(FIRST_PORT + started++)
  }
}
await Promise.all(Array.from({ length: AT_A_TIME }, oneAfterTheOther))
console.log(JSON.stringify({ there, back }))
