/** The changes that were made from the page, as a list and as a script that makes them again. */
import type { Signal } from '@preact/signals'
import { clockText } from './driver-text.ts'
import { CopyButton } from './table.tsx'

/** The list keeps the last ones. */
const CHANGES_MAX = 50

/** A change that was made, or was tried. */
export interface DoneChange {
  /** Milliseconds since 1970. */
  readonly time: number
  /** The command line that does the same. */
  readonly line: string
  /** Why it failed; undefined if it did not. */
  readonly error: string | undefined
}

export type ChangeLog = Signal<readonly DoneChange[]>

/** Adds a change of now. */
export function record(log: ChangeLog, line: string, error: string | undefined): void {
  log.value = [...log.value, { time: Date.now(), line, error }].slice(-CHANGES_MAX)
}

/**
 * Returns a shell script of the changes that succeeded, with the pauses between them in seconds. It
 * ends at the first command that fails.
 */
export function script(changes: readonly DoneChange[]): string {
  const lines = ['#!/bin/sh -e']
  let last: number | undefined
  for (const { time, line, error } of changes) {
    if (error !== undefined) continue
    const pause = Math.round((time - (last ?? time)) / 1000)
    if (pause > 0) {
      lines.push(`sleep ${pause}`)
    }
    lines.push(line)
    last = time
  }
  return `${lines.join('\n')}\n`
}

export function Changes({ log }: { readonly log: ChangeLog }) {
  const changes = log.value
  const hasNone = changes.every(({ error }) => error !== undefined)
  return (
    <section class="panel">
      <div class="row spread">
        <h2>Changes</h2>
        <CopyButton title="Copy as a script" disabled={hasNone} text={() => script(changes)} />
      </div>
      {changes.length === 0 && (
        <p class="muted">Nothing has been changed from this page since it was loaded.</p>
      )}
      <ol class="changes stack tight" reversed>
        {changes.toReversed().map(({ time, line, error }) => (
          <li key={time}>
            <span class="muted number">{clockText(time / 1000)}</span>
            <code>{line}</code>
            {error !== undefined && <span class="drop">{`failed: ${error.split('\n')[0]}`}</span>}
          </li>
        ))}
      </ol>
    </section>
  )
}
