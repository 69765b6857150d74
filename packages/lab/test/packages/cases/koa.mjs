import http from 'node:http'
import Koa from 'koa'
import { listening } from '../servers/listening.mjs'

const app = new Koa().use(context => {
  const [, a, b] = context.path.split('/')
  context.body = `${a * b}`
})
export const serve = () => listening(http.createServer(app.callback()), 80)
export const answer = '42'
export const ask = async () => (await fetch('http://server/6/7')).text()
