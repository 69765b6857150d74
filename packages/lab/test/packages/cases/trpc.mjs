import { createTRPCClient, httpLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'
import { listening } from '../servers/listening.mjs'

const t = initTRPC.create()
const router = t.router({
  multiply: t.procedure.input(value => value).query(({ input: [a, b] }) => a * b),
})
export const serve = () => listening(createHTTPServer({ router }), 80)
export const answer = 42
export const ask = () =>
  createTRPCClient({ links: [httpLink({ url: 'http://server' })] }).multiply.query([6, 7])
