/** Tables of text: each cell is escaped, so that none breaks out of its line. */
import { printable } from '../core/printable.ts'

/** The rows as lines: the first column to the left, the others to the right, two spaces between. */
export function align(texts: readonly string[][]): string[] {
  const rows = escaped(texts)
  const widths = widthsOf(rows)
  return rows.map(row =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  )
}

/** The rows as lines, all columns to the left, two spaces between, and nothing at the end of a line. */
export function alignLeft(texts: readonly (readonly string[])[]): string[] {
  const rows = escaped(texts)
  const widths = widthsOf(rows)
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function escaped(rows: readonly (readonly string[])[]): string[][] {
  return rows.map(row => row.map(printable))
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return rows.reduce<number[]>((max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, cell.length)), [])
}
