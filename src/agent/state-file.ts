/**
 * The file that keeps the attachments, with users' changes and lasting mistakes, across restarts of
 * the daemon: one list in JSON, where each kind of entry has fields of its own. Attachments are
 * found again by the namespace's inode, the interface's index and its name.
 */
import { existsSync } from 'node:fs'
import type { Counted } from '../attach/attachment.ts'
import type { Log } from '../base/index.ts'
import type { NetNamespace } from '../control/sockets/directory.ts'
import { readTextFile, replaceFile } from '../linux/index.ts'
import type { AttachRequest } from './attach-request.ts'
import { type Change, isChange } from './changes.ts'
import type { Mistake } from './mistakes.ts'
import { isPodNetns } from './pod-netns.ts'

/** An interface of a namespace. */
export interface Place extends NetNamespace {
  readonly ifindex: number
}

/** An attachment of the file. */
export interface Kept extends Place {
  readonly request: AttachRequest
  /** Its number for the mark; undefined in the file of an older daemon. */
  readonly number?: number | undefined
  /** True if it is not attached, because the daemon ended twice while a frame of it was in work. */
  readonly away?: true | undefined
  readonly change?: Change | undefined
  /** What its interface had counted when it was detached; undefined if the daemon was killed. */
  readonly since?: Counted | undefined
}

/** A user's change for an owner that has no attachment now. */
export interface Remembered {
  readonly owner: string
  readonly change: Change
}

/** A mistake of an owner that the next daemon does not see. */
interface Noted {
  readonly owner: string
  readonly mistake: Mistake
}

/** The entries of the file, by kind. */
export interface State {
  readonly kept: readonly Kept[]
  readonly remembered: readonly Remembered[]
  readonly noted: readonly Noted[]
}

const NOTHING: State = { kept: [], remembered: [], noted: [] }

/** Returns what the file has. One that cannot be read is logged, and is like none. */
export function readState(file: string, log: Log): State {
  if (!existsSync(file)) return NOTHING
  try {
    const state: unknown = JSON.parse(readTextFile(file))
    const entries = Array.isArray(state) ? state : []
    return {
      kept: entries.filter(isKept),
      remembered: entries.filter(isRemembered),
      noted: entries.filter(isNoted),
    }
  } catch {
    log.warn(`${file}: it cannot be read: starting without it`)
    return NOTHING
  }
}

function isKept(value: Partial<Kept> | null): value is Kept {
  const { inode, ifindex, request, change, since } = value ?? {}
  const isPlace =
    Number.isInteger(inode) && Number.isInteger(ifindex) && isPodNetns(request?.podNetns)
  return (
    isPlace &&
    typeof request?.name === 'string' &&
    (change === undefined || isChange(change)) &&
    isCounted(since)
  )
}

function isCounted(since: Partial<Counted> | null | undefined): boolean {
  if (since === undefined) return true
  const { counted, bypassed } = since ?? {}
  return [counted?.in, counted?.out, bypassed?.in, bypassed?.out].every(Number.isSafeInteger)
}

function isRemembered(value: Partial<Remembered & Kept> | null): value is Remembered {
  return value?.request === undefined && typeof value?.owner === 'string' && isChange(value.change)
}

function isNoted(value: Partial<Noted> | null): value is Noted {
  const { who, why, netns } = value?.mistake ?? {}
  const areTexts = [value?.owner, who, why].every(text => typeof text === 'string')
  return areTexts && isPodNetns(netns)
}

/** Writes the file. A reader sees the old or the new one. Throws if that fails. */
export function writeState(file: string, { kept, remembered, noted }: State): void {
  replaceFile(file, JSON.stringify([...kept, ...remembered, ...noted]), 0o600)
}
