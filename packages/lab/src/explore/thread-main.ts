/** A thread that runs a module in memory, again and again. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOrDescription } from 'vnet/internal/base/exception'
import { loadScenario } from './load-scenario.ts'
import { runOnce } from './run-once.ts'
import type { ThreadReply, ThreadRequest } from './thread-runner.ts'

const { url } = workerData as { readonly url: string }

parentPort?.on('message', async ({ spec }: ThreadRequest) => {
  const reply = (message: ThreadReply) => parentPort?.postMessage(message)
  try {
    const { default: scenario, options = {}, invariant } = await loadScenario(url)
    reply(spec === undefined ? { options } : { result: await runOnce(scenario, invariant, spec) })
  } catch (error) {
    reply({ refused: messageOrDescription(error) })
  }
})
