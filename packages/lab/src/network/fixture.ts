/** Shared by the fixtures of test runners: names, seeds, the end of a lab, and dropped packets. */

import { ownTime, schedstatOf } from '../memory/time/own-time.ts'
import { thread } from '../memory/time/real.ts'
import { LabUnavailableError } from '../model/rights.ts'
import { isRequired } from '../world/world.ts'
import type { Lab } from './lab.ts'

/** The most characters of the name of a test's lab. */
const LAB_NAME_MAX = 40
/** The most lines about dropped packets, and about faults, in the message of a failed test. */
const MOST_LINES = 5

/** The error of a failed test, to which lines are added. */
export interface TestError {
  message?: string | undefined
  stack?: string | undefined
}

/**
 * Adds lines of `lab.drops()` to the message of a failed test, at most MOST_LINES of them, and then
 * the seed that repeats them. Adds nothing if nothing was dropped.
 */
export function addDrops(
  error: TestError | undefined,
  drops: readonly string[],
  seed: number,
): void {
  if (drops.length === 0) return
  addLines(error, [
    ...cut(drops).map(line => `dropped on ${line}`),
    `the seed was VNET_SEED=${seed}`,
  ])
}

/** Adds at most MOST_LINES lines of `lab.missedFaults` that the message does not have already. */
export function addMissed(error: TestError | undefined, missed: readonly string[]): void {
  const lines = missed.filter(line => !error?.message?.includes(line))
  if (lines.length > 0) {
    addLines(error, cut(lines))
  }
}

function cut(lines: readonly string[]): readonly string[] {
  const rest = lines.length - MOST_LINES + 1
  return lines.length > MOST_LINES ? [...lines.slice(0, -rest), `${rest} more`] : lines
}

/**
 * Returns a line about the world of a lab. For memory it has the clock and, if the test `hasWaited`
 * to its timeout, what the clock waited for.
 */
export function worldLine(
  lab: Pick<Lab, 'world' | 'now' | 'isIdle' | 'awaited'>,
  hasWaited: boolean,
): string {
  const { world, now, isIdle, awaited } = lab
  if (world !== 'memory') {
    return world === 'kernel' ? 'the lab was in the kernel' : 'the lab was in a guest'
  }
  const line = `the lab was in memory, its clock at ${Math.round(now) / 1000} s`
  if (!hasWaited) return line
  if (awaited.length > 0) return `${line}, where it waited for ${awaited.join(' and ')}`
  return isIdle ? `${line}; none of its timers and packets was due` : line
}

/** Adds lines to the message of a failed test. */
export function addLines(error: TestError | undefined, lines: readonly string[]): void {
  if (error === undefined) return
  const { message: old = '' } = error
  const message = `${old}\n\n${lines.map(line => `vnet: ${line}`).join('\n')}`
  // Some reporters print the message from the stack.
  if (error.stack !== undefined) {
    error.stack = error.stack.replace(old, () => message)
  }
  error.message = message
}

/**
 * Closes a lab. Rejects if it has not ended after `limit` real milliseconds, in which waits of this
 * thread for a CPU do not count.
 */
export async function closeWithin(lab: Lab, limit: number): Promise<void> {
  const schedstat = schedstatOf()
  const end = ownTime(schedstat) + limit
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const text = `the lab has not ended within ${limit} ms: a server or a worker does not close`
    const check = () => {
      const left = end - ownTime(schedstat)
      if (left < 1) {
        reject(new Error([text, ...lab.unclosed].join('; ')))
      } else {
        timer = thread.setTimeout(check, left)
      }
    }
    check()
  })
  await Promise.race([lab.close(), late]).finally(() => thread.clearTimeout(timer))
}

/** Returns the name of a test for its lab: `a-slow-link`. */
export function labName(test: string): string {
  const words = test.toLowerCase().match(/[a-z0-9]+/g) ?? ['test']
  return words.join('-').slice(0, LAB_NAME_MAX).replace(/-$/, '')
}

/**
 * Returns why a test is skipped: its lab failed with this error, because the machine cannot make
 * labs. Throws the error if it has another cause, or if tests must not be skipped (VNET_REQUIRED).
 */
export function reasonToSkip(error: unknown): string {
  if (error instanceof LabUnavailableError && !error.isInstallation && !isRequired()) {
    return error.message
  }
  throw error
}

/** Returns VNET_SEED, or a number made from a name (FNV-1a). */
export function seedFor(name: string): number {
  const { VNET_SEED = '' } = process.env
  if (VNET_SEED === '') {
    return (
      [...name].reduce(
        (hash, char) => Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193),
        0x811c9dc5,
      ) >>> 0
    )
  }
  const seed = Number(VNET_SEED)
  if (!Number.isSafeInteger(seed)) throw new Error(`VNET_SEED=${VNET_SEED}: not a whole number`)
  return seed
}
