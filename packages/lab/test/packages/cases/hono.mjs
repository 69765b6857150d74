import { serve as serveHono } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono().get('/:a/:b', context =>
  context.text(`${context.req.param('a') * context.req.param('b')}`),
)
export const serve = () =>
  new Promise(resolve => {
    const server = serveHono({ fetch: app.fetch, port: 80 }, () => resolve(() => closed(server)))
  })
const closed = server =>
  new Promise(resolve => {
    server.close(resolve)
    server.closeAllConnections()
  })
export const answer = '42'
export const ask = async () => (await fetch('http://server/6/7')).text()
