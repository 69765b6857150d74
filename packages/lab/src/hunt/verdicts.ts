/** Verdicts on runs of a client under a fault, without code of the user. */
import { signalOf } from '../model/signals.ts'
import type { Clean } from './clean.ts'
import type { ClientRun } from './client-run.ts'

/** Verdicts that are findings, as reports name them. */
const FINDINGS = [
  'hangs',
  'wrong data with status 0',
  'killed by a signal',
  'status is not in --errors',
] as const
/** Verdicts that may be worth a look. */
const NOTES = ['partial file', 'late error', 'not reached'] as const
const FINE = ['as clean', 'error'] as const

export const VERDICTS = [...FINDINGS, ...NOTES, ...FINE] as const
export type Verdict = (typeof VERDICTS)[number]

export interface VerdictOptions {
  /** Whether the fault has happened. */
  readonly isHit: boolean
  /** The statuses besides 0 that a client may have; undefined for all. */
  readonly errors: readonly number[] | undefined
  /** Milliseconds in which a client must end. */
  readonly within: number
}

/** The part of its time after which an error is late. */
const LATE = 0.5

export const isFinding = (verdict: Verdict): boolean => FINDINGS.some(each => each === verdict)
export const isNote = (verdict: Verdict): boolean => NOTES.some(each => each === verdict)

/** Returns the verdict on a run. */
export function verdictOf(
  run: ClientRun,
  clean: Clean,
  { isHit, errors, within }: VerdictOptions,
): Verdict {
  const { status, hung, ms } = run
  // A client that has started late on a busy machine hangs for another reason.
  if (!isHit) return 'not reached'
  if (hung) return 'hangs'
  const isExpected = status !== null && errors?.includes(status) === true
  if (!isExpected && signalOf(run) !== undefined) return 'killed by a signal'
  if (status === 0) {
    return clean.differenceOf(run) === undefined ? 'as clean' : 'wrong data with status 0'
  }
  if (!isExpected && errors !== undefined) return 'status is not in --errors'
  if (clean.hasPartialFile(run)) return 'partial file'
  return ms >= LATE * within ? 'late error' : 'error'
}

/** Returns why nothing can be compared with a run without faults; undefined if it can. */
export function cleanProblem(run: ClientRun, within: number): string | undefined {
  const { status, hung } = run
  const said = lastLineOf(run.err)
  const also = said === '' ? '' : `: ${said}`
  if (hung) return `has not ended within ${within / 1000} s${also}`
  const signal = signalOf(run)
  if (signal !== undefined) return `was ended by ${signal}${also}`
  return status === 0 ? undefined : `has ended with status ${status}${also}`
}

/** Returns a line for each thing that makes a run without faults a poor measure of the others. */
export function outputNotes({ out, files, err }: ClientRun): string[] {
  const said = lastLineOf(err)
  return [
    ...(out.length === 0 && files.size === 0
      ? ['clean runs print nothing and leave no file, so only the status is compared']
      : []),
    ...(said === '' ? [] : [`clean runs print errors: ${said}`]),
  ]
}

/** Returns the last line of a text that is not empty; '' without one. */
export function lastLineOf(text: string): string {
  const lines = text.split('\n').map(line => line.trim())
  return lines.filter(line => line !== '').at(-1) ?? ''
}
