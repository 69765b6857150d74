import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import coap from 'coap'

export const serve = () =>
  new Promise(resolve => {
    const server = coap.createServer({ type: 'udp4' }, ({ url }, response) => {
      const [, a, b] = url.split('/')
      response.end(`${a * b}`)
    })
    server.listen(() => resolve(() => new Promise(closed => server.close(closed))))
  })
export const filter = 'udp'
export const answer = '42'
export const ask = async () => {
  const agent = new coap.Agent({ type: 'udp4' })
  const request = coap.request({ hostname: 'server', pathname: '/6/7', agent })
  request.end()
  const [response] = await once(request, 'response')
  const product = await text(response)
  agent.close()
  return product
}
