/** Tables in documents, which the bench writes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withBlock, withoutBlock } from '../scripts/blocks.mjs'

/**
 * Reads a document with a table between `<!-- NAME -->` and `<!-- /NAME -->`; `text` is all but
 * the table. Called before the measurement, so that a wrong file is reported immediately and not
 * after minutes.
 */
export function openTable(file, name) {
  const page = readFileSync(file, 'utf8')
  return {
    text: withoutBlock(page, name, file),
    write: table => writeFileSync(file, withBlock(page, name, table, file)),
  }
}
