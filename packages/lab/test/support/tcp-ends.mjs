// TCP connections that end in every way. node tcp-ends.mjs serve: the servers, on ports from 9000
// on, prints `ready` and then what they notice. node tcp-ends.mjs ADDRESS: their clients, prints
// one line of JSON.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { buffer, text } from 'node:stream/consumers'

const [address] = process.argv.slice(2)
const [ECHO, GREETING, RESET, WATCHED, CLOSED] = [9000, 9001, 9002, 9003, 9099]
const BYTES = 20_000_000

function serve() {
  const on = (port, fn) => net.createServer({ allowHalfOpen: true }, fn).listen(port, '::')
  on(ECHO, socket => socket.pipe(socket).on('error', () => {}))
  // Its end is sent before the client has sent anything.
  on(GREETING, async socket => {
    socket.end('greeting')
    console.log(`after the greeting: ${await text(socket)}`)
  })
  on(RESET, socket => socket.once('data', () => socket.resetAndDestroy()))
  on(WATCHED, socket =>
    socket.resume().on('error', ({ code }) => console.log(`watched: ${code}`)),
  ).on('listening', () => console.log('ready'))
}

const connect = port => net.connect({ port, host: address, allowHalfOpen: true })
const errorOf = async socket => (await once(socket, 'error'))[0].code
const sha = bytes => createHash('sha256').update(bytes).digest('hex')

async function ask() {
  const refused = await errorOf(connect(CLOSED))
  const echo = connect(ECHO).end('to the end')
  const echoed = await text(echo)
  const late = connect(GREETING)
  // An iterator would close the other direction, too.
  const [greeting] = await once(late.setEncoding('latin1'), 'data')
  await once(late, 'end')
  late.end('still there')
  const reset = await errorOf(
    connect(RESET)
      .on('connect', function () {
        this.write('x')
      })
      .resume(),
  )
  const watched = connect(WATCHED)
  await once(watched, 'connect')
  watched.resetAndDestroy()
  const many = await Promise.all(
    Array.from({ length: 200 }, (_, i) => text(connect(ECHO).end(`number ${i}`))),
  )
  const bytes = randomBytes(BYTES)
  const same = sha(await buffer(connect(ECHO).end(bytes))) === sha(bytes)
  return {
    refused,
    echoed,
    greeting,
    reset,
    many: many.filter((each, i) => each === `number ${i}`).length,
    same,
  }
}

if (address === 'serve') {
  serve()
} else {
  console.log(JSON.stringify(await ask()))
}
