/** FTP (RFC 959, RFC 2428) with one directory, in which the file `A B` has the product. */
import { once } from 'node:events'
import net from 'node:net'
import { lineServer } from './listening.mjs'

export const ftpServer = () => {
  const passive = new WeakMap()
  const open = async (socket, reply) => {
    const server = net.createServer()
    await once(server.listen(0), 'listening')
    passive.set(
      socket,
      once(server, 'connection').then(([data]) => data),
    )
    socket.write(reply(server.address().port))
    once(server, 'connection').then(() => server.close())
  }
  const send = async (socket, name) => {
    socket.write('150 here\r\n')
    const data = await passive.get(socket)
    data.end(`${name.split(' ').reduce((a, b) => a * b)}`)
    await once(data, 'close')
    socket.write('226 done\r\n')
  }
  const answerTo = (line, socket) => {
    const [command, ...words] = line.split(' ')
    if (command === 'EPSV') {
      open(socket, port => `229 (|||${port}|)\r\n`)
      return
    }
    if (command === 'RETR') {
      send(socket, words.join(' '))
      return
    }
    return (
      { USER: '331 go on\r\n', PASS: '230 in\r\n', QUIT: '221 bye\r\n', FEAT: '211 none\r\n' }[
        command
      ] ?? '200 ok\r\n'
    )
  }
  return lineServer(21, answerTo, '220 ready\r\n')
}
