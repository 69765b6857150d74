/** Checks the text of a toxic: a wire that reads no file and looks up no name. */
import { compileNumericFilter } from 'vnet/kit/net'
import type { Direction } from 'vnet/wire'
import { parseLabWire } from '../carrier/wire-text.ts'

/** Throws an Error. */
export function checkText(text: string, direction: Direction): void {
  parseLabWire(text, { filter: compileNumericFilter, file: refuse }, direction)
}

function refuse(path: string): never {
  throw new Error(`${path}: toxics read no files`)
}
