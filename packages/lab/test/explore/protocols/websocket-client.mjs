import { once } from 'node:events'
import WebSocket from 'ws'
import { same } from './net.mjs'

const socket = new WebSocket('ws://server/')
await once(socket, 'open')
socket.send('hello')
const [data] = await once(socket, 'message')
same(String(data), 'hello')
socket.ping()
await once(socket, 'pong')
socket.close(1000)
const [code] = await once(socket, 'close')
same(code, 1000)
