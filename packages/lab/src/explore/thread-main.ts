/** A thread that runs a module in memory, again and again. */
import { Buffer } from 'node:buffer'
import { parentPort, workerData } from 'node:worker_threads'
import { type Beat, beatOf } from './heartbeat.ts'
import { factsOf, loadScenario, refusalOf } from './load-scenario.ts'
import { OUTPUT_MAX } from './result.ts'
import { type RunResult, type RunSpec, runOnce } from './run-once.ts'
import type { ThreadReply, ThreadRequest } from './thread-runner.ts'

const { url } = workerData as { readonly url: string }

/** Keeps the end of what runs print, for the reports of failures. */
class KeptOutput {
  text = ''

  constructor(streams: readonly NodeJS.WriteStream[]) {
    for (const stream of streams) {
      stream.write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
        const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
        this.text = (this.text + text).slice(-OUTPUT_MAX)
        const done = rest.at(-1)
        if (typeof done === 'function') {
          queueMicrotask(() => done())
        }
        return true
      }
    }
  }
}

const output = new KeptOutput([process.stdout, process.stderr])

const reply = (message: ThreadReply | Beat) => parentPort?.postMessage(message)

parentPort?.on('message', async (request: ThreadRequest) => {
  if ('beats' in request) return reply(beatOf())
  const { spec } = request
  try {
    const scenario = await loadScenario(url)
    if (spec === undefined) {
      reply({ facts: factsOf(scenario) })
    } else {
      output.text = ''
      const result = await runOnce(scenario, spec)
      reply({ result: sentOf({ ...result, output: output.text }, spec) })
    }
  } catch (error) {
    reply({ refusal: refusalOf(error) })
  }
})

reply(beatOf())

/** Returns the part of a result that is sent: packets take longer than the rest. */
function sentOf(result: RunResult, { onlyHits }: RunSpec): RunResult {
  if (onlyHits !== true || result.error !== undefined) return result
  const links = [...result.links].map(([name, { packets, unrecorded }]) => {
    return [name, { packets: packets.filter(({ hit }) => hit), unrecorded }] as const
  })
  return { ...result, links: new Map(links) }
}
