import http from 'node:http'
import { Gauge, Registry } from 'prom-client'
import { listening } from '../servers/listening.mjs'

const registers = [new Registry()]
const gauge = new Gauge({ name: 'product', help: 'a product', registers })
const answerTo = async (_request, response) => {
  gauge.set(6 * 7)
  response.end(await registers[0].metrics())
}
export const serve = () => listening(http.createServer(answerTo), 9090)
export const answer = /^product 42$/m
export const ask = async () => (await fetch('http://server:9090/metrics')).text()
