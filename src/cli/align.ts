/** Text tables. Cells are escaped, so a hostile name cannot break out of its line. */
import { printable } from '../base/printable.ts'

/** Returns one line a row: the first column left-aligned, the others right-aligned. */
export function align(rows: readonly (readonly string[])[]): string[] {
  return padded(rows, (cell, width, i) => (i === 0 ? cell.padEnd(width) : cell.padStart(width)))
}

/** Returns one line a row, every column left-aligned, without trailing spaces. */
export function alignLeft(rows: readonly (readonly string[])[]): string[] {
  return padded(rows, (cell, width) => cell.padEnd(width)).map(line => line.trimEnd())
}

function padded(
  texts: readonly (readonly string[])[],
  pad: (cell: string, width: number, column: number) => string,
): string[] {
  const rows = texts.map(row => row.map(printable))
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    }
  }
  return rows.map(row => row.map((cell, i) => pad(cell, widths[i] ?? 0, i)).join('  '))
}
