// Keep-alive connections of node:http: a request is executed once, and has its own reply.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLOCKS, FAULTS, MESSAGES, network, run, serveModule } from './network.mjs'

export const options = {
  strict: true,
  faults: [...FAULTS, ...CLOCKS],
  filter: MESSAGES,
  timeout: '15s',
}

export default async function scenario({ lab }, client = 'http-client.mjs') {
  const [server, host] = await network(lab, 'client')
  const disk = await serveModule(server, 'http-server.mjs', 'listening')
  const answered = await run(host, client)
  const executed = readFileSync(join(disk, 'executed'), 'utf8').trim().split('\n')
  const lost = answered.filter(each => !executed.includes(each))
  if (lost.length > 0) throw new Error(`requests have a reply, but were not executed: ${lost}`)
  if (new Set(executed).size < executed.length) {
    throw new Error(`a request was executed twice: ${executed}`)
  }
}
