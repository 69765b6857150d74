/** An exercise (packages/learn/docs/write-an-exercise.md), its checks, and results as text. */

import type { Driver } from 'vnet'
import type { TestBed, TestBedOptions } from 'vnet/bed'

/** The version of '@vnet/learn'. A change that breaks exercises raises it. */
export const COURSE_VERSION = 1

/** What exercise.js exports as `exercise`. */
export interface ExerciseDefinition {
  /** The version of '@vnet/learn' that it was written for. */
  readonly version: typeof COURSE_VERSION
  /** The file of the skeleton, and of the learner's driver: `ring.js`. */
  readonly driver: string
  /** The title in the heading of its page. */
  readonly title: string
  /** One line for the list: the purpose of the driver. */
  readonly summary: string
  /** The kernel's names that it introduces. */
  readonly kernelNames?: readonly string[]
  /** The parameters of the driver in the checks in memory. */
  readonly params?: ParamChoices
  /** What lines of the log and errors of the framework mean here; the first that matches. */
  readonly rules?: readonly Rule[]
  /** Checks in memory, by a fake clock. */
  readonly memory: readonly MemoryCheck[]
  /** Checks on live interfaces, in their own network namespace. */
  readonly live: readonly LiveCheck[]
  /** The addresses of the interfaces in `vnet check --kernel`, by default 198.18.0.1/24. */
  readonly addresses?: readonly string[]
  /** The card that the driver is for, which `vnet check --kernel` then has from QEMU. */
  readonly kernelCard?: KernelCard
}

/** QEMU's e1000 in a virtual machine with an IOMMU. At the end of its cable is a mirror. */
export interface KernelCard {
  /** What the mirror sends does not pass the card: the module only transmits. */
  readonly sendsOnly?: boolean
  /** Parameters of the driver that a module lacks, because they are of the card's model. */
  readonly ofModel?: readonly string[]
}

/** An exercise that was loaded from a directory. */
export interface Exercise extends ExerciseDefinition {
  /** The name of its directory, `03-ring`. */
  readonly name: string
  /** The absolute path of its directory. */
  readonly directory: string
}

/** Gives an editor the types of the definition, and returns it. */
export const defineExercise = (definition: ExerciseDefinition): ExerciseDefinition => definition

/** A text of the solution, which occurs in it once, and what replaces it. */
type Replacement = readonly [from: string, to: string]

/** A driver that the checks must refuse: the solution with a change. */
export interface Mistake {
  readonly name: string
  /** The numbered step of "What to do" that the driver does not do, if it is one of them. */
  readonly step?: number
  /** The consequence in a kernel, for the page of the exercise: a sentence or two. */
  readonly inKernel?: string
  /** A part of the explanation, or of the log, of the first check that fails. */
  readonly explainedBy: string
  /** True: only a check on a live interface finds it. */
  readonly isLive?: boolean
  readonly replace: Replacement | readonly Replacement[]
}

/**
 * Returns a solution of the course as learners see it: without the comments from which
 * scripts/generate-skeletons.mjs makes the skeleton. Exercises of others may have none.
 */
export const withoutMarkers = (solution: string): string =>
  solution.replace(/^ *(?:\/\/|\*) #(?:(?:todo|skeleton) .+|solution|end)\n/gm, '')

/**
 * Returns the solution with the mistake, and without markers. Throws if a text does not occur in it
 * exactly once.
 */
export function withMistake(marked: string, { name, replace }: Mistake): string {
  const replacements = (
    typeof replace[0] === 'string' ? [replace] : replace
  ) as readonly Replacement[]
  const solution = withoutMarkers(marked)
  // Found in the solution itself: what replaces one text may contain another.
  const found = replacements.map(([from, to]) => {
    const at = solution.indexOf(from)
    if (at === -1 || solution.includes(from, at + 1)) {
      throw new Error(`${name}: not exactly once: ${from}`)
    }
    return { at, from, to }
  })
  found.sort((a, b) => b.at - a.at)
  return found.reduce(
    (text, { at, from, to }) => text.slice(0, at) + to + text.slice(at + from.length),
    solution,
  )
}

/** An explanation for the failures whose `seen` matches; the text itself is kept. */
export interface Rule extends Required<Omit<Explanation, 'seen'>> {
  readonly seen: RegExp
}

/** Where a check runs: on a test bed in memory, or on live interfaces. */
export type CheckPlace = 'memory' | 'live'

/** Parameters of a driver by their names. */
export type ParamChoices = Readonly<Record<string, unknown>>

interface Check {
  readonly title: string
  /** The heading of the page to read if it fails, without its `##`. */
  readonly read: string
  /** Warnings and errors that are permitted here. */
  readonly allow?: RegExp
}

/** The arguments of a check in memory besides its test bed. */
export interface Bench {
  readonly driver: Driver
  /** Returns another test bed. A check may close it earlier, to look at the end. */
  another(params?: Readonly<Record<string, unknown>>, options?: TestBedOptions): Promise<TestBed>
}

/**
 * A check in memory. `run` fails it by verify() or fail(); any other exception, a warning in the
 * log and a frame that is left fail it, too.
 */
export interface MemoryCheck extends Check {
  /** Parameters that replace the exercise's. */
  readonly params?: ParamChoices
  readonly options?: TestBedOptions
  run(bed: TestBed, bench: Bench): Promise<void> | void
}

/** The arguments of a live check. */
export interface Live {
  /** Starts `vnet FILE ARGS`, waits until its interfaces are up, and stops it after the check. */
  vnet(...args: readonly string[]): Promise<LiveVnet>
  /** Runs a program to its end, in the directory of the driver; `vnet` is this one. */
  run(program: string, ...args: readonly string[]): Promise<ProgramOutput>
}

/** The result of a program. A program that fails does not fail the check by itself. */
export interface ProgramOutput {
  /** The exit status; -1 if the program did not end in time. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** The fields of `vnet stats --json` that checks use. */
export interface LiveStatistics {
  readonly name: string
  /** LinkStats64 and the counters of queues, by their names in camelCase. */
  readonly total: Readonly<Record<string, number>>
  /** The same of each queue. */
  readonly queues: readonly Readonly<Record<string, number>>[]
  readonly drops: {
    readonly tx: Readonly<Record<string, number>>
    readonly rx: Readonly<Record<string, number>>
  }
}

/** A vnet that a live check has started. */
export interface LiveVnet {
  /** Its interfaces, in the driver's order. */
  readonly interfaces: readonly string[]
  /** The lines of its log and its standard error up to now. */
  readonly log: readonly string[]
  /** Stops it, and returns the last statistics of each interface. */
  stop(): Promise<readonly LiveStatistics[]>
}

/**
 * A check on live interfaces. `run` fails it like a check in memory's. It is not run if a program
 * fails because of this machine.
 */
export interface LiveCheck extends Check {
  /** Programs without which it is not run. */
  readonly needs?: readonly string[]
  /** Why a virtual machine cannot run it (`vnet check --kernel`). */
  readonly notInKernel?: string
  run(live: Live): Promise<unknown>
}

/** The explanation of a failure. */
export interface Explanation {
  readonly seen: string
  readonly expected: string
  /** Another heading than the check's. */
  readonly read?: string
}

/** Thrown by a check that failed. */
export class Explained extends Error {
  override readonly name = 'Explained'
  readonly explanation: Explanation

  constructor(explanation: Explanation) {
    super(`${explanation.seen}; expected: ${explanation.expected}`)
    this.explanation = explanation
  }
}

/** Warnings and errors of the log that a result has at most. */
const LOGGED_MAX = 5

/** The result of a check. */
export interface Result {
  readonly title: string
  readonly where: CheckPlace
  readonly result: 'passed' | 'failed' | 'not run'
  readonly seen?: string | undefined
  readonly expected?: string | undefined
  readonly read?: string | undefined
  /** Warnings and errors that the driver logged meanwhile. */
  readonly logged?: readonly string[]
  /** Why it was not run. */
  readonly why?: string
}

/** Returns the result of a check that was not run, with the reason. */
export const notRun = (title: string, where: CheckPlace, why: string): Result => ({
  title,
  where,
  result: 'not run',
  why,
})

/** The heading for a failure that names none. */
export const USUAL_HEADING = 'What to do'

/** Returns the result of a check. If the whole driver file fails, the result has no `read`. */
export function resultOf(
  where: CheckPlace,
  { title, read: usual = USUAL_HEADING }: { readonly title: string; readonly read?: string },
  problem: Explanation | undefined,
  logged?: readonly string[],
): Result {
  if (problem === undefined) return { title, where, result: 'passed' }
  const { seen, expected, read = usual } = problem
  const kept = logged && { logged: logged.slice(0, LOGGED_MAX) }
  return { title, where, result: 'failed', seen, expected, read, ...kept }
}

/** Ends the check as failed. */
export function fail(explanation: Explanation): never {
  throw new Explained(explanation)
}

/** Ends the check as failed unless `holds`. */
export function verify(holds: boolean, explanation: Explanation): asserts holds {
  if (!holds) {
    fail(explanation)
  }
}

export const VERDICTS = { passed: 'ok', failed: 'FAILED', 'not run': 'not run' } as const

/** Returns `live: TITLE`, and the reason if the check was not run. */
export const titleOf = ({ title, where, why }: Result): string =>
  `${where === 'live' ? 'live: ' : ''}${title}${why ? `: ${why}` : ''}`

/** Returns a function that counts the results of one kind. */
export const counter = (results: readonly Result[]) => (which: Result['result']) =>
  results.filter(({ result }) => result === which).length

/** Returns `2 passed, 1 failed, 3 not run until it passes`. */
export function countsOf(results: readonly Result[]): string {
  const count = counter(results)
  const [passed, failed, pending] = [count('passed'), count('failed'), count('not run')]
  const left = pending === 0 ? '' : `, ${pending} not run`
  return `${passed} passed${failed === 0 ? left : `, ${failed} failed${left && `${left} until it passes`}`}`
}
