import stompit from 'stompit'
import { stompServer } from '../servers/stomp.mjs'

export const serve = stompServer
export const answer = '42'
export const ask = () =>
  new Promise((resolve, reject) =>
    stompit.connect({ host: 'server', port: 61613 }, (error, client) => {
      if (error) return reject(error)
      client.subscribe({ destination: 'product', ack: 'auto' }, (_error, message) =>
        message.readString('utf8', (_failed, body) => {
          client.disconnect(() => resolve(body))
        }),
      )
      client.send({ destination: 'product' }).end('6 7')
    }),
  )
