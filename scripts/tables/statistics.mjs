/** The table of docs/statistics.md. */
import { cell, table } from '../blocks.mjs'

/** Names of functions, which the live page shows as plain text. */
const FUNCTION = /\b[a-z]+[A-Z]\w*/g

/** Reasons with the same cause share a row, at the place of the first. */
export function reasonsTable({ DROP_CAUSES }) {
  const rows = new Map()
  for (const [reason, cause] of Object.entries(DROP_CAUSES)) {
    rows.set(cause, [...(rows.get(cause) ?? []), reason])
  }
  return table(
    ['reason', 'cause'],
    Array.from(rows, ([cause, reasons]) => [
      reasons.join(', '),
      cell(cause).replace(FUNCTION, name => `\`${name}\``),
    ]),
  )
}
