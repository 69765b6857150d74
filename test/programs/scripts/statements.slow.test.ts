/** The statements about the kernel that scripts/statements.mjs draws from the documents. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { draw, statementsOf } from '../../../scripts/statements.mjs'

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['scripts/statements.mjs', ...args], { encoding: 'utf8' })

test('statements are the sentences and rows about the kernel, with the line on which each starts', () => {
  const page = `# The kernel

Nothing of it. A driver frees
the frame. \`netif_rx\` may drop it.

\`\`\`
/* the kernel */

the driver waits
\`\`\`

    a driver waits

| the kernel has | vnet has |
|---|---|
| \`skb_put\` | \`put\` |
| \`skb_pull\` | in the kernel it returns NULL |

- Linux counts it,
  once
- and nothing else
`
  expect(statementsOf(page)).toEqual([
    '3 A driver frees the frame.',
    '4 `netif_rx` may drop it.',
    '17 | `skb_pull` | in the kernel it returns NULL |',
    '19 - Linux counts it, once',
  ])
})

test('a seed always draws the same statements, and another seed others', () => {
  const list = Array.from({ length: 100 }, (_, i) => i)
  expect(draw(list, 63, 10)).toHaveLength(10)
  expect(draw(list, 63, 10)).toEqual(draw(list, 63, 10))
  expect(draw(list, 64, 10)).not.toEqual(draw(list, 63, 10))
  expect(draw(list, 63, 101)).toEqual(list)
})

test('the script prints as many statements as requested, with their places', () => {
  const { status, stdout } = run('--seed', '63', '--count', '60')
  const lines = stdout.trimEnd().split('\n')
  expect([status, lines.length]).toEqual([0, 60])
  expect(lines.filter(line => !/^(docs|packages\/learn)\/\S+\.md:\d+ \S/.test(line))).toEqual([])
  expect(run('--seed', '63', '--count', '60').stdout).toBe(stdout)
})

test.each([
  '',
  '--seed 63',
  '--seed 63 --count many',
  '--seed 63 --count 60 --pages all',
  '--seed 63 --count 60 docs',
])('the script refuses the options "%s" with status 2', options => {
  const { status, stdout, stderr } = run(...options.split(' ').filter(Boolean))
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^statements: .*\n$/)
})
