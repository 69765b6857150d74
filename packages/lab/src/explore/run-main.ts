/**
 * The process of the runs of a module, one by default. It is started ahead and waits for its
 * request. It ends by itself, or with its parent; what keeps it alive after a run is reported.
 */
import { setTimeout } from 'node:timers'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadNative } from 'vnet/kit/linux'
import { LabWorker } from '../kernel/lab-worker.ts'
import { type Beat, beatOf } from './heartbeat.ts'
import {
  factsOf,
  loadScenario,
  type ModuleFacts,
  type Refusal,
  refusalOf,
} from './load-scenario.ts'
import { added } from './points.ts'
import { isReported } from './reported.ts'
import { type RunResult, type RunSpec, runOnce } from './run-once.ts'

/** A request for a run, without `spec` for the facts of the module, or for a beat. */
export type RunRequest = ModuleRequest | { readonly beats: true }

interface ModuleRequest {
  readonly url: string
  readonly spec?: RunSpec
  /**
   * Whether the process may serve another request after a run that leaves nothing, and that passes
   * or rejects because of its fault.
   */
  readonly mayStay?: boolean
}

/**
 * The replies that the process of a run has sent up to now. Each message has one field, and the
 * receiver merges them. A request without a run is replied with `facts`. A request for a run is
 * replied with `started` and then `result`, and after that with `ready` if the process remains for
 * another request, or with `left` if it ends. `refusal` replaces all that has not been sent. A
 * process that is killed or crashes sends no more: the receiver then knows only how it ended.
 */
export interface RunReplies {
  /** The module is loaded, and the time of the run starts. */
  readonly started?: true
  /** The options and exports of the module. The process ends after this reply. */
  readonly facts?: ModuleFacts
  /** The outcome of the run, also if it failed. */
  readonly result?: RunResult
  /**
   * The kinds of timers, sockets and handles that the run has left. The process ends after this
   * reply.
   */
  readonly left?: readonly string[]
  /**
   * Why nothing was run: the module or the lab cannot be used. The process ends after this reply.
   */
  readonly refusal?: Refusal
  /** The process remains for another request. */
  readonly ready?: true
}

/** Milliseconds for the program under test to end after its run. */
const LEFT_MS = 1000
const POLL_MS = 5

const send = (reply: RunReplies | Beat) =>
  new Promise<void>(resolve => process.send?.(reply, undefined, {}, () => resolve()))

const beat = (request: RunRequest) => {
  if ('beats' in request) {
    void send(beatOf())
  }
}

async function serve({ url, spec, mayStay = false }: ModuleRequest): Promise<void> {
  process.on('message', beat)
  const before = process.getActiveResourcesInfo()
  let mayServe = false
  try {
    const scenario = await loadScenario(url)
    if (spec === undefined) {
      await send({ facts: factsOf(scenario) })
      process.exit()
    }
    await send({ started: true })
    const result = await runOnce(scenario, spec)
    // A message would be a thing that is left.
    process.off('message', beat)
    await send({ result })
    mayServe = mayStay && (result.error === undefined || isReported(result, spec.plan))
  } catch (error) {
    await send({ refusal: refusalOf(error) })
    process.exit()
  }
  process.on('unhandledRejection', ignore).on('uncaughtException', ignore)
  if (mayServe && (await hasEnded(before))) {
    process.off('unhandledRejection', ignore).off('uncaughtException', ignore)
    await send({ ready: true })
    return
  }
  process.channel?.unref()
  setTimeout(
    async () => {
      await send({ left: added(process.getActiveResourcesInfo(), before) })
      process.exit()
    },
    mayServe ? 0 : LEFT_MS,
  ).unref()
}

const ignore = () => {}

/** Returns whether a run leaves no timers, sockets and handles that keep the process alive. */
async function hasEnded(before: readonly string[]): Promise<boolean> {
  for (let ms = 0; ms < LEFT_MS; ms += POLL_MS) {
    if (added(process.getActiveResourcesInfo(), before).length === 0) return true
    await sleep(POLL_MS)
  }
  return false
}

process.once('disconnect', () => process.exit())
if (process.platform === 'linux') {
  // A run that blocks its thread does not see the end of its parent.
  loadNative().dieWithParent()
}
process.on('message', (request: RunRequest) => {
  if (!('beats' in request)) {
    void serve(request)
  }
})
void send(beatOf())
// The parts of labs are loaded while the run before it runs. A lab here would cost more CPU time.
LabWorker.take()
await import('../network/lab.ts')
