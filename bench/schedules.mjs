/**
 * `npm run bench:schedules`: random schedules of faults of an HTTP client with retries, in memory.
 * Prints schedules a second, the CPU time of one, and the heap at the end. `-- --schedules N` sets
 * their number. The scenario is the default export, which each thread loads.
 */
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { explore } from '../packages/lab/dist/index.js'
import { readOptions, whole } from '../scripts/options.mjs'

const FAULTS = [
  'drop',
  'duplicate',
  'delay',
  'silence 2s',
  'mute 1s',
  'pause 1s on server',
  'restart 1s on server',
]
const PORT = 8080
/** Milliseconds of an attempt, and between two attempts. */
const ATTEMPT = 5000
const PAUSE = 500
const ATTEMPTS = 6
const REQUESTS = 3

/** Sends three requests by a connection that is kept alive, each again until it has its reply. */
// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab }) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.start(({ host }) => host.listen(http.createServer(echo), PORT))
  const agent = client.agent({ keepAlive: true })
  for (let i = 1; i <= REQUESTS; i++) {
    for (let attempt = 1; (await reply(agent, `/${i}`).catch(() => '')) !== `/${i}`; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`request ${i} has no reply`)
      await lab.sleep(PAUSE)
    }
  }
  agent.destroy()
}

function echo(request, response) {
  response.end(request.url)
}

function reply(agent, path) {
  return new Promise((resolve, reject) => {
    const request = http.get(
      { agent, host: 'server', port: PORT, path, timeout: ATTEMPT },
      response => {
        response.setEncoding('utf8').on('data', resolve).on('error', reject)
      },
    )
    request.on('error', reject).on('timeout', () => request.destroy(new Error('timeout')))
  })
}

/** Explores with so many schedules. Returns the report, and seconds in all and of CPU time. */
async function measured(schedules) {
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  const options = { world: 'memory', captures: false, faults: FAULTS, schedules }
  const report = await explore(fileURLToPath(import.meta.url), options)
  const { user, system } = process.cpuUsage(cpu)
  return { report, cpu: (user + system) / 1e6, seconds: (performance.now() - began) / 1000 }
}

// The threads of explore load the scenario only.
if (isMainThread) {
  const { values } = readOptions({ schedules: whole(2000, 2, 1_000_000) })
  const few = await measured(1)
  const all = await measured(values.schedules)
  const runs = all.report.runs - few.report.runs
  const speed = (runs / (all.seconds - few.seconds)).toFixed(0)
  console.log(
    `${runs} schedules: ${speed} a second, ${((1000 * (all.cpu - few.cpu)) / runs).toFixed(1)} ms of CPU time each`,
  )
  console.log(
    `${all.report.failures.length} failures, ${(process.memoryUsage().heapUsed / 1e6).toFixed(0)} MB of heap`,
  )
}
