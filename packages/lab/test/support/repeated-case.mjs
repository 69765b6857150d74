// Runs a case of test/packages in memory with random values of a seed, as explore does. Prints the
// SHA-256 of its capture. Arguments: the path of the case, and the seed.
import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { createLab } from '../../dist/index.js'
import { patchRandom, seedRandom } from '../../dist/memory/time/seeded.js'

const [, , path, seed] = process.argv
patchRandom()
seedRandom(Number(seed))
const { serve, ask } = await import(path)
const lab = await createLab({ world: 'memory', seed: 1 })
const [client, server] = lab.hosts('client', 'server')
await lab.cable(client, server, { capture: true })
const end = await server.run(serve)
await client.run(ask)
await server.run(end)
const [file] = lab.keepCaptures()
await lab.close()
console.log(createHash('sha256').update(readFileSync(file)).digest('hex'))
rmSync(file)
process.exit()
