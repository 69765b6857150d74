/** The lists of checks in the pages of the course. */

import { wrapped } from '../blocks.mjs'

const item = text => `- ${wrapped(text, '  ')}`

/** Programs that many systems lack. */
const RARE = ['iperf3']

/** The checks of an exercise by their titles. */
export function checksOf({ exercise: { memory, live } }) {
  const inMemory = memory.map(({ title }) => item(title))
  const onInterface = live.map(({ title, needs: programs = [], notInKernel }) => {
    const notes = [
      ...programs.filter(program => RARE.includes(program)).map(program => `needs \`${program}\``),
      ...(notInKernel === undefined ? [] : ['not with `--kernel`']),
    ]
    return item(notes.length === 0 ? title : `${title} (${notes.join(', ')})`)
  })
  const lines = [
    '`vnet check` runs these checks in memory:\n',
    ...inMemory,
    '\nand these on a live interface:\n',
    ...onInterface,
  ]
  return lines.join('\n')
}
