// The network of each protocol, its programs, and a client with sockets of its host.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Returns the hosts of a new network. */
export async function hosts(lab) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  return { client, server }
}

/** Starts a server program, and returns it once it has printed a line with `ready`. */
export async function start(host, ready, program, args) {
  const child = host.spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = []
  const started = new Promise((resolve, reject) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', line => {
        printed.push(line)
        if (line.includes(ready)) {
          resolve()
        }
      })
    }
    child.once('close', status =>
      reject(new Error(`${program} has ended with ${status}: ${printed.join(' | ')}`)),
    )
  })
  await started
  return child
}

/** Runs a module in a thread of the host. Rejects if it throws. */
export async function run(host, name, signal) {
  const worker = host.worker(new URL(name, import.meta.url))
  signal.addEventListener('abort', () => worker.terminate())
  const [status] = await once(worker, 'exit')
  if (status !== 0 && !signal.aborted) throw new Error(`${name} has ended with ${status}`)
}

/** Throws unless both texts are the same. */
export function same(found, expected) {
  if (found !== expected) throw new Error(`expected ${expected}, found ${found}`)
}

export const certificate = () => ({
  key: readFileSync(new URL('key.pem', import.meta.url)),
  cert: readFileSync(new URL('cert.pem', import.meta.url)),
})
