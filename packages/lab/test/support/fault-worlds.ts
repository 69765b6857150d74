/** The table of packages/lab/docs/nemesis.md of the faults that each world can do. */
import { readFileSync } from 'node:fs'
import type { NemesisVerb } from '../../src/model/verbs.ts'

const PAGE = new URL('../../docs/nemesis.md', import.meta.url)
const COLUMNS = ['kernel', 'memory', 'guest'] as const

/** Returns `yes` or the words of the refusal, for each verb in the order of the table. */
export function faultsIn(world: (typeof COLUMNS)[number]): [verb: string, words: string][] {
  const [, table = ''] =
    /^\| fault \| kernel \| memory \| guest \|\n\|[-|]+\n((?:\|.*\n)+)/m.exec(
      readFileSync(PAGE, 'utf8'),
    ) ?? []
  const rows = table
    .trim()
    .split('\n')
    .map(row => row.split('|').map(cell => cell.trim()))
  return rows.map(cells => [
    (cells[1] ?? '').replaceAll('`', ''),
    cells[2 + COLUMNS.indexOf(world)] ?? '',
  ])
}

const OPERANDS: Partial<Record<NemesisVerb, string>> = {
  crash: '',
  forget: '',
  rebind: '',
  repair: '',
  clock: ' +1h',
}

/** Returns a short fault of the server, or of the lab's NAT, at the first data of a connection. */
export function faultOfServer(verb: NemesisVerb): string {
  const operand = OPERANDS[verb] ?? ' 100ms'
  return `${verb}${operand}${verb === 'rebind' || verb === 'repair' ? '' : ' on server'} client-server ab tcp client:* > server:5000 seq 1`
}
