/** The faults that packages/lab/docs/nemesis.md says a world cannot do. */
import { readFileSync } from 'node:fs'
import { NEMESIS_VERBS, type NemesisVerb } from '../../src/model/verbs.ts'

const PAGE = new URL('../../docs/nemesis.md', import.meta.url)
const COLUMNS = ['kernel', 'memory', 'guest'] as const
const YES = COLUMNS.map(() => 'yes')

/** The rows of the table: each fault that a world refuses, with a cell for each world. */
function refusals(): Map<string, string[]> {
  const [, table = ''] =
    /^\| fault \| kernel \| memory \| guest \|\n\|[-|]+\n((?:\|.*\n)+)/m.exec(
      readFileSync(PAGE, 'utf8'),
    ) ?? []
  const rows = table
    .trim()
    .split('\n')
    .map(row => row.split('|').map(cell => cell.trim()))
  return new Map(rows.map(([, fault = '', ...cells]) => [fault.replaceAll('`', ''), cells]))
}

/** Returns `yes` or the words of the refusal, for each verb. Throws if a row is not of a verb. */
export function faultsIn(
  world: (typeof COLUMNS)[number],
): [verb: NemesisVerb, words: string | undefined][] {
  const rows = refusals()
  const unknown = [...rows.keys()].find(fault => !NEMESIS_VERBS.some(verb => verb === fault))
  if (unknown !== undefined) throw new Error(`no fault is called '${unknown}'`)
  return NEMESIS_VERBS.map(verb => [verb, (rows.get(verb) ?? YES)[COLUMNS.indexOf(world)]])
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
