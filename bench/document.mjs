/** The table of targets in a document. */
import { readFileSync, writeFileSync } from 'node:fs'
import { targetsTable } from './targets.mjs'

/** The marks around the table. */
const MARKS = ['<!-- targets -->', '<!-- /targets -->']

/**
 * Reads a document, whose `text` is all but the table. Called before the measurement, so that a
 * wrong file is reported immediately and not after minutes.
 */
export function openTargets(file) {
  const [before, rest] = readFileSync(file, 'utf8').split(MARKS[0])
  const after = rest?.split(MARKS[1])[1]
  if (after === undefined) throw new Error(`${file}: the marks ${MARKS.join(' and ')} of the table are missing`)
  return {
    text: before + after,
    write(report) {
      writeFileSync(file, `${before}${MARKS[0]}\n\n${targetsTable(report)}\n\n${MARKS[1]}${after}`)
    },
  }
}
