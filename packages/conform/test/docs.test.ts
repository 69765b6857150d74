/** The pages state the numbers of the cases. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isPassive } from '../src/notation.ts'
import { readTable } from '../src/table.ts'

const cases = readTable().flatMap(group => group.cases)
const slow = cases.filter(one => one.slow !== undefined)
const usual = cases.filter(
  one =>
    one.slow === undefined && one.memoryOnly === undefined && Object.keys(one.sysctls).length === 0,
)
const passive = usual.filter(isPassive).length
/** With a program that has all requests but `keepalive`. */
const controlled = usual.filter(
  ({ steps }) => !steps.some(({ verb }) => verb === 'keepalive'),
).length
const differing = usual.filter(one => one.linux !== undefined).length

const WORDS = ['no', 'One case', 'Two cases', 'Three cases', 'Four cases']

test.each([
  ['packages/conform/docs/conform.md', `${passive - 3} of ${passive} pass, 1 failed (must)`],
  ['packages/conform/docs/conform.md', `${cases.length - passive} skipped`],
  ['packages/conform/docs/conform.md', `${usual.length - passive} further cases run`],
  [
    'packages/conform/docs/conform.md',
    `Without \`--control\`, ${passive} of the ${cases.length} cases run.`,
  ],
  ['packages/conform/docs/conform.md', `\`keepalive\`, ${controlled} run.`],
  ['packages/conform/docs/conform.md', `${WORDS[slow.length]} about fragments`],
  [
    'packages/conform/docs/conform.md',
    `The other ${cases.length - usual.length - slow.length} need a setting of Linux`,
  ],
  [
    'packages/conform/records/conform-stacks.md',
    `${passive - differing} of ${passive}, with IPv6; with a control port`,
  ],
  [
    'packages/conform/records/conform-stacks.md',
    `with a control port ${controlled - differing} of ${controlled} | none |`,
  ],
  [
    'packages/conform/records/conform-stacks.md',
    `on a TAP | ${passive - differing} of ${passive}, with IPv6 | none |`,
  ],
  [
    'packages/conform/docs/conform.md',
    `Linux passes ${controlled - differing} of ${controlled} cases with the first`,
  ],
  ['packages/conform/README.md', `any language. ${cases.length} cases`],
  ['packages/conform/README.md', `discard and chargen: ${passive} cases.`],
  ['packages/conform/README.md', `a case asks for: ${controlled} cases.`],
  ['CHANGELOG.md', `${passive} cases of ARP`],
  ['CHANGELOG.md', `at a control port, ${controlled}\n  run`],
])('%s says: %s', (file, text) => {
  const onOneLine = (part: string) => part.replace(/\s+/g, ' ')
  expect(onOneLine(readFileSync(file, 'utf8'))).toContain(onOneLine(text))
})
