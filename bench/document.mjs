/** Tables in documents, which the bench writes. */
import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Reads a document with a table between `<!-- NAME -->` and `<!-- /NAME -->`; `text` is all but
 * the table. Called before the measurement, so that a wrong file is reported immediately and not
 * after minutes.
 */
export function openTable(file, name) {
  const marks = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [before, rest] = readFileSync(file, 'utf8').split(marks[0])
  const after = rest?.split(marks[1])[1]
  if (after === undefined) {
    throw new Error(`${file}: the marks ${marks.join(' and ')} of the table are missing`)
  }
  return {
    text: before + after,
    write: table => writeFileSync(file, `${before}${marks[0]}\n\n${table}\n\n${marks[1]}${after}`),
  }
}
