import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import net from 'node:net'

/** Opens the servers, and returns a function that plays all flows. */
async function prepare(hosts, lab) {
  const doors = new Map()
  const nameOf = ({ protocol, server, port }) => [protocol, server, port].join(' ')
  for (const flow of plays.server ? flows : []) {
    if (!doors.has(nameOf(flow))) {
      doors.set(nameOf(flow), await openDoor(flow, hosts[flow.server]))
    }
  }
  return () =>
    Promise.all(flows.map(flow => exchange(flow, hosts[flow.client], doors.get(nameOf(flow)), lab)))
}

/** Plays the ends of a flow that no program plays. It must end as in the capture. */
async function exchange(flow, client, door, lab) {
  await lab.sleep(flow.at)
  const near = plays.client && (await openClient(flow, client))
  const number = door && door.taken++
  const answer = async () => {
    const key = inOrder ? number : await near.port
    const find = () => (inOrder ? [...door.ends.values()][key] : door.ends.get(key))
    while (!find()) {
      await once(door, 'arrival')
    }
    await play(find(), 'ba', flow, lab)
  }
  const all = Promise.all([near && play(near, 'ab', flow, lab), door && answer()])
  if (flow.end === 'reset') return assert.rejects(all, ({ code }) => /^E(CONN|PIPE)/.test(code))
  if (flow.end === 'done') return all
  const waited = lab.sleep(flow.silentAfter).then(() => 'silent')
  assert.equal(
    await Promise.race([
      all.then(
        () => 'done',
        () => 'reset',
      ),
      waited,
    ]),
    'silent',
  )
}

/** Plays one end of a flow: sends its messages, and waits for the messages of the other end. */
async function play(end, own, flow, lab) {
  for (const [way, pause, length, text = '', isLost = false] of flow.messages) {
    if (way === own) {
      await lab.sleep(pause)
      end.send(Buffer.from(text.padEnd(length, 'x'), 'latin1'))
    } else if (!isLost) {
      await end.receive(length)
    }
  }
  if (flow.closes || flow.end === 'reset') {
    await end.finish(flow.closes)
  }
}

async function openClient({ protocol, server, port, from }, host) {
  if (protocol === 'tcp') return tcpEnd(host.createConnection(port, server))
  return udpEnd(await host.createSocket('udp4', from), { port, address: server })
}

/** Listens at a port. `ends` has the server's end of each client, by the client's port. */
async function openDoor({ protocol, port }, host) {
  const door = Object.assign(new EventEmitter().setMaxListeners(0), { ends: new Map(), taken: 0 })
  const add = (key, end) => door.ends.set(key, end) && door.emit('arrival')
  if (protocol === 'tcp') {
    await host.listen(
      net.createServer(socket => add(socket.remotePort, tcpEnd(socket))),
      port,
    )
    return door
  }
  const socket = await host.createSocket('udp4', port)
  socket.on('message', (_, peer) => {
    // A NAT may give a client another port.
    const key = hasNat ? 0 : peer.port
    if (!door.ends.has(key)) {
      add(key, udpEnd(socket))
    }
    door.ends.get(key).arrive(peer)
  })
  return door
}

function tcpEnd(socket) {
  const chunks = socket.on('error', () => {})[Symbol.asyncIterator]()
  let missing = 0
  return {
    port: once(socket, 'connect').then(
      () => socket.localPort,
      () => {},
    ),
    send: bytes => socket.write(bytes),
    async receive(length) {
      for (missing += length; missing > 0; ) {
        const { value, done } = await chunks.next()
        assert(!done, 'the connection has ended before all messages')
        missing -= value.length
      }
    },
    async finish(closes) {
      if (closes) {
        socket.end()
      }
      while (!(await chunks.next()).done) {}
    },
  }
}

/** A client's end knows its `peer`, and no other end uses its socket. */
function udpEnd(socket, peer) {
  const arrivals = new EventEmitter()
  let missing = 0
  const arrive = from => {
    peer = from
    missing--
    arrivals.emit('datagram')
  }
  if (peer) {
    socket.on('message', () => arrive(peer))
  }
  const send = bytes => socket.send(bytes, peer.port, peer.address)
  const receive = async () => {
    for (missing++; missing > 0; ) {
      await once(arrivals, 'datagram')
    }
  }
  return { arrive, receive, send, port: socket.address().port }
}
