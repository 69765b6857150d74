// Redis with appendfsync always, and ioredis: no acknowledged write is lost, and none is repeated.
import { CLOCKS, eventually, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

const SERVER =
  'exec redis-server --protected-mode no --save "" --dir "$VNET_DISK" --appendonly yes --appendfsync always'

export const options = {
  strict: true,
  faults: [...FAULTS, ...CLOCKS],
  filter: MESSAGES,
  timeout: '15s',
}

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, SERVER, 'Ready to accept connections')
  const lines = await run(client, 'redis-client.mjs')
  const numbersOf = async key => {
    const { status, stdout, stderr } = await server.exec('redis-cli', ['lrange', key, '0', '-1'])
    if (status !== 0) throw new Error(stderr)
    return stdout.trim().split('\n')
  }
  const kept = await eventually(() => numbersOf('numbers'))
  const [sent, acknowledged] = ['sent', 'acknowledged'].map(word =>
    lines.flatMap(line => (line.startsWith(`${word} `) ? line.slice(word.length + 1) : [])),
  )
  const lost = acknowledged.filter(each => !kept.includes(each))
  if (lost.length > 0) throw new Error(`acknowledged writes are lost: ${lost}`)
  if (new Set(kept).size < kept.length) {
    throw new Error(`a command was executed twice: ${kept}, of ${sent}`)
  }
}
