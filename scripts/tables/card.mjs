/** The tables about the model of the card and QEMU's card. */
import { cell, table } from '../blocks.mjs'

/** Returns the registers that were compared. */
export function cardRegisters({ registers }) {
  const rows = registers.map(({ names, source, except = '' }) => [
    names.map(name => (/^[A-Z]/.test(name) ? `\`${name}\`` : name)).join(', '),
    cell(source),
    cell(except),
  ])
  return table(['register', 'meaning from', 'the same, except'], rows)
}

/** Returns what QEMU's card does otherwise. */
export function cardDifferences({ differences }) {
  const rows = differences.map(({ what, model, qemu, source }) => [what, model, qemu, source])
  return table(
    ['', 'the model', "QEMU's card", 'source'],
    rows.map(row => row.map(cell)),
  )
}
