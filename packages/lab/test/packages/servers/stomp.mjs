/** STOMP 1.0: what is sent to a destination comes back as a product. */
import net from 'node:net'
import { listening } from './listening.mjs'

export const stompServer = () =>
  listening(
    net.createServer(socket => {
      let [rest, id] = ['', '0']
      socket.on('error', () => {})
      socket.on('data', data => {
        const frames = (rest + data).split('\0')
        rest = frames.pop()
        for (const frame of frames) {
          const [head, body] = frame.trimStart().split('\n\n')
          const [command] = head.split('\n')
          if (command === 'CONNECT') {
            socket.write('CONNECTED\nversion:1.0\n\n\0')
          }
          if (command === 'SUBSCRIBE') {
            id = /^id:(.*)$/m.exec(head)[1]
          }
          if (command === 'SEND') {
            const product = body.split(' ').reduce((a, b) => a * b)
            socket.write(
              `MESSAGE\nsubscription:${id}\nmessage-id:1\ndestination:product\n\n${product}\0`,
            )
          }
          const receipt = /^receipt:(.*)$/m.exec(head)
          if (receipt !== null) {
            socket.write(`RECEIPT\nreceipt-id:${receipt[1]}\n\n\0`)
          }
        }
      })
    }),
    61613,
  )
