/** A worker that looks names up, one after another, and posts their addresses. */
import { Resolver } from 'node:dns/promises'
import { parentPort, workerData } from 'node:worker_threads'

const { server, names } = workerData
const resolver = new Resolver({ timeout: 30, tries: 8 })
resolver.setServers([server])

const addresses = []
for (const name of names) {
  addresses.push(...(await resolver.resolve4(name)))
}
parentPort.postMessage(addresses)
