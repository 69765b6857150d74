import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { SocksClient } from 'socks'
import { socksServer } from '../servers/socks.mjs'

export const serve = socksServer
export const answer = '42'
export const ask = async () => {
  const proxy = { host: 'server', port: 1080, type: 5 }
  const destination = { host: 'server', port: 80 }
  const { socket } = await SocksClient.createConnection({ proxy, command: 'connect', destination })
  const [response] = await once(
    http.get({ path: '/6/7', createConnection: () => socket }),
    'response',
  )
  const product = await text(response)
  socket.destroy()
  return product
}
