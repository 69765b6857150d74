import jayson from 'jayson/promise/index.js'
import { listening } from '../servers/listening.mjs'

export const serve = () =>
  listening(new jayson.Server({ multiply: async ([a, b]) => a * b }).tcp(), 4000)
export const answer = 42
export const ask = async () =>
  (await jayson.Client.tcp({ host: 'server', port: 4000 }).request('multiply', [6, 7])).result
