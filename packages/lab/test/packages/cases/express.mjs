import http from 'node:http'
import express from 'express'
import { listening } from '../servers/listening.mjs'

const app = express().get('/:a/:b', ({ params: { a, b } }, response) => response.send(`${a * b}`))
export const serve = () => listening(http.createServer(app), 80)
export const answer = '42'
export const ask = async () => (await fetch('http://server/6/7')).text()
