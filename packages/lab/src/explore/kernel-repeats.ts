/**
 * Repeats in the kernel the failures that were found in memory: one of each error, together and at
 * the end, because runs there wait in real time.
 */
import { availableParallelism } from 'node:os'
import { isNemesisVerb } from '../model/index.ts'
import { parseFault } from './fault-text.ts'
import { isMet, type Judge } from './judge.ts'
import { unlike } from './lists.ts'
import type { Failure } from './result.ts'
import type { RunSpec } from './run-once.ts'
import type { Runner } from './runners.ts'

/** Runs faults in the kernel. */
export interface KernelRunner {
  readonly runner: Runner
  readonly spec: Omit<RunSpec, 'plan' | 'timeout'>
}

/** Milliseconds that a run in the kernel may take longer than one in memory. */
const KERNEL_MS = 3000
/** How many processes wait at a time for each core. */
const PROCESSES = 4

/**
 * Repeats one failure of each error in the kernel, and sets its outcome in `failures`. Faults of
 * links and hosts are not repeated there. Returns why others were not repeated; undefined if all
 * were.
 */
export async function repeatInKernel(
  failures: Failure[],
  judge: Judge,
  open: (() => KernelRunner) | undefined,
): Promise<string | undefined> {
  const able = [...failures.keys()].filter(i => isAble(failures[i] as Failure))
  if (open === undefined || able.length === 0) return undefined
  const chosen = unlike(able, i => (failures[i] as Failure).error)
  const { runner, spec } = open()
  const waiting = [...chosen]
  const work = async () => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
      if (judge.whyStopped() !== undefined) {
        waiting.unshift(i)
        return
      }
      const failure = failures[i] as Failure
      failures[i] = { ...failure, kernel: await outcomeOf(failure, judge, { runner, spec }) }
    }
  }
  const most = runner.concurrency === 1 ? 1 : PROCESSES * availableParallelism()
  try {
    await Promise.all(Array.from({ length: Math.min(most, chosen.length) }, work))
  } finally {
    runner.close()
  }
  const others = able.length - chosen.length + waiting.length
  if (others === 0) return undefined
  const what = others === 1 ? '1 failure was' : `${others} failures were`
  const why = (waiting.length > 0 && judge.whyStopped()) || 'one of each error was'
  return `${what} not repeated in the kernel: ${why}`
}

/** Whether the kernel can repeat a failure. It stops no programs of this process. */
const isAble = ({ faults, stopped }: Failure): boolean =>
  !stopped && !faults.map(parseFault).some(({ verb }) => isNemesisVerb(verb))

async function outcomeOf(
  { faults, limit, error }: Failure,
  judge: Judge,
  { runner, spec }: KernelRunner,
): Promise<Failure['kernel']> {
  const plan = faults.map(parseFault)
  const result = await runner.run({ ...spec, plan, timeout: limit + KERNEL_MS })
  if (result.error !== undefined && !judge.isErrorInTime(result, plan)) return 'failed'
  // What clean runs leave and return may differ there: only the same kind of failure counts.
  const other = judge.errorOf(result, plan)
  if (other !== undefined && kindOf(other) === kindOf(error)) return 'failed'
  return isMet(result, plan) ? 'passed' : 'missed'
}

const kindOf = (error: string): string | undefined => error.split(':', 1)[0]
