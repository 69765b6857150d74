/** A thread that runs a module in memory, again and again. */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOrDescription } from 'vnet/internal/base/exception'
import { loadScenario } from './load-scenario.ts'
import { type RunSpec, runOnce } from './run-once.ts'
import type { ThreadReply } from './thread-runner.ts'

const { url } = workerData as { readonly url: string }

parentPort?.on('message', async (spec: RunSpec) => {
  const reply = (message: ThreadReply) => parentPort?.postMessage(message)
  try {
    const { default: scenario, invariant } = await loadScenario(url)
    reply({ result: await runOnce(scenario, invariant, spec) })
  } catch (error) {
    reply({ refused: messageOrDescription(error) })
  }
})
