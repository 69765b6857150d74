/** Runs a case in a world, and again if that may help. */
import { NSEC_PER_MSEC } from 'vnet'
import type { Case, Step } from './notation.ts'
import { NotOffered, type Recorded, Run, WrongFrame } from './run.ts'
import type { World } from './world.ts'

/**
 * If this process is held up for so long, lines that must follow each other immediately do not. The
 * kernel's shortest timers are RACK's and delayed ACKs'.
 */
const HELD_UP = 10 * NSEC_PER_MSEC

/** The case failed at `line`: an error, with a message of that line and its reason. */
export class CaseFailure extends Error {
  readonly line: string
  readonly reason: string
  /** The frames of the case, of both, and which of them was wrong or has no reply: -1 for none. */
  readonly frames: readonly Recorded[]
  readonly wrong: number
  /** Whether the machine may have failed, because this process was held up. */
  readonly isHeldUp: boolean

  constructor(line: string, run: Run, cause: Error) {
    super(`${line}: ${cause.message}\n${run.log.join('\n')}`, { cause })
    this.line = line
    this.reason = cause.message
    this.frames = run.frames
    // Now: resets that end the connections follow.
    const unanswered = run.frames.findLastIndex(({ isFromHost }) => !isFromHost)
    this.wrong = cause instanceof WrongFrame ? cause.index : unanswered
    this.isHeldUp = run.longest > HELD_UP
  }
}

/**
 * Returns why the case does not apply to the host, or undefined. Rejects with a CaseFailure, which
 * has everything that happened before. The world is closed.
 */
export async function runCase({ steps, family }: Case, world: World): Promise<string | undefined> {
  const run = new Run(world, family)
  const end = { ...PARSED, text: 'the end', verb: 'end' }
  try {
    for (const step of [...steps, end]) {
      try {
        await run.step(step)
      } catch (error) {
        if (error instanceof NotOffered) return `the host does not offer ${error.message}`
        throw new CaseFailure(step.text, run, error as Error)
      }
    }
    return undefined
  } finally {
    run.close()
    await run.clean(steps)
    world.close()
  }
}

/** The result of a case: skipped, failed, or passed if both are undefined. */
export interface Outcome {
  /** Why the case does not apply to the host. */
  readonly skipped: string | undefined
  readonly failure: CaseFailure | undefined
}

/** How often a case runs at most: if this process is held up, or an ICMP error may be limited. */
const ATTEMPTS = 5
/** Nanoseconds until a stack that limits its ICMP errors sends one again. */
const ERROR_INTERVAL = 1100 * NSEC_PER_MSEC

/**
 * Runs a case in a new world, up to ATTEMPTS times: again if this process was held up, or if the
 * host may have limited its ICMP errors. Each world is closed. Rejects only with a defect of the
 * runner.
 */
export async function runPatiently(one: Case, makeWorld: () => World): Promise<Outcome> {
  const isLimited = one.steps.some(({ layers }) => layers?.some(({ quotes }) => quotes))
  for (let left = ATTEMPTS; ; left--) {
    const world = makeWorld()
    try {
      return { skipped: await runCase(one, world), failure: undefined }
    } catch (error) {
      if (!(error instanceof CaseFailure)) throw error
      if (left === 1 || !(error.isHeldUp || (isLimited && left > ATTEMPTS - 2))) {
        return { skipped: undefined, failure: error }
      }
      if (!error.isHeldUp) {
        await world.sleepUntil(world.now() + ERROR_INTERVAL)
      }
    }
  }
}

const PARSED: Step = {
  text: '',
  time: undefined,
  verb: '',
  words: [],
  items: undefined,
  layers: undefined,
}
