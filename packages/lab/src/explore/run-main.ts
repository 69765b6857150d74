/**
 * The process of one run of a module. It is started ahead and waits for its request. It ends by
 * itself, or with its parent; what keeps it alive after the run is reported.
 */
import { setTimeout } from 'node:timers'
import { messageOrDescription } from 'vnet/internal/base/exception'
import { LabWorker } from '../lab-worker.ts'
import { loadScenario } from './load-scenario.ts'
import { added } from './points.ts'
import { type RunResult, type RunSpec, runOnce } from './run-once.ts'
import type { ExploreOptions } from './scenario.ts'

/** A request for a run, or without `spec` for the options of the module. */
export interface RunRequest {
  readonly url: string
  readonly spec?: RunSpec
}

/** The replies up to now. Each message has one of them. */
export interface RunReplies {
  readonly started?: true
  readonly options?: ExploreOptions
  readonly result?: RunResult
  readonly left?: readonly string[]
  readonly refused?: string
}

/** Milliseconds for the program under test to end after its run. */
const LEFT_MS = 1000

const send = (reply: RunReplies) => new Promise<void>(resolve => process.send?.(reply, undefined, {}, () => resolve()))

async function serve({ url, spec }: RunRequest): Promise<void> {
  const before = process.getActiveResourcesInfo()
  try {
    const { default: scenario, options = {}, invariant } = await loadScenario(url)
    if (spec === undefined) {
      await send({ options })
      process.exit()
    }
    await send({ started: true })
    await send({ result: await runOnce(scenario, invariant, spec) })
  } catch (error) {
    await send({ refused: messageOrDescription(error) })
    process.exit()
  }
  process.on('unhandledRejection', () => {})
  process.on('uncaughtException', () => {})
  process.channel?.unref()
  setTimeout(async () => {
    await send({ left: added(process.getActiveResourcesInfo(), before) })
    process.exit()
  }, LEFT_MS).unref()
}

process.once('disconnect', () => process.exit())
process.once('message', (request: RunRequest) => void serve(request))
// The parts of labs are loaded while the run before it runs. A lab here would cost more CPU time.
LabWorker.take()
await import('../lab.ts')
