// FTP (RFC 959, RFC 2428), passive: one directory with one file, the page of http.mjs.
import net from 'node:net'
import { page } from './http.mjs'
import { eachLine, main } from './shared.mjs'

const replies = {
  USER: '331 the password, please',
  PASS: '230 welcome',
  SYST: '215 UNIX',
  FEAT: '211-features\r\n EPSV\r\n REST STREAM\r\n SIZE\r\n211 end',
  TYPE: '200 ok',
  PWD: '257 "/"',
  CWD: '250 ok',
  SIZE: `213 ${page.length}`,
  NOOP: '200 ok',
  QUIT: '221 goodbye',
}
const listing = `-rw-r--r-- 1 user user ${page.length} Jan  1  2024 page\r\n`

/** Returns the reply to a transfer when both ends have closed its connection. */
const endOf = (socket, success) =>
  new Promise(resolve => {
    const end = broke => resolve(broke ? '426 the connection broke' : success)
    if (socket.closed) {
      end(true)
    } else {
      socket.resume().once('close', end)
    }
  })

/** All data connections have one port: the session that asked last gets the next connection. */
export function serve(port = 21, dataPort = 2121) {
  let pass = socket => socket.destroy()
  const data = net.createServer(socket => pass(socket.on('error', () => {}))).listen(dataPort)

  function talk(socket) {
    let connection
    let offset = 0
    const reply = text => socket.write(`${text}\r\n`)
    const open = text => {
      connection = new Promise(resolve => {
        pass = resolve
      })
      reply(text)
    }
    const send = async text => {
      reply('150 here it is')
      const socket = await connection
      socket.end(text)
      reply(await endOf(socket, '226 sent'))
    }
    const receive = async () => {
      reply('150 send it')
      reply(await endOf(await connection, '226 stored'))
    }
    const commands = {
      EPSV: () => open(`229 here (|||${dataPort}|)`),
      PASV: () => {
        const address = socket.localAddress.replace('::ffff:', '')
        if (!net.isIPv4(address)) return reply('425 use EPSV')
        open(`227 here (${address.replaceAll('.', ',')},${dataPort >> 8},${dataPort & 255})`)
      },
      REST: from => {
        offset = Number(from)
        reply('350 from there')
      },
      RETR: () => {
        const rest = page.slice(offset)
        offset = 0
        return send(rest)
      },
      LIST: () => send(listing),
      NLST: () => send('page\r\n'),
      STOR: receive,
    }
    reply('220 server ready')
    eachLine(socket, line => {
      const [name, argument] = line.split(' ')
      const command = name.toUpperCase()
      const run = commands[command] ?? (() => reply(replies[command] ?? '502 unknown command'))
      run(argument)
      if (command === 'QUIT') {
        socket.end()
      }
    })
  }
  return net
    .createServer(talk)
    .listen(port)
    .once('close', () => data.close())
}
main(import.meta, serve)
