/** The tasks of docs/SKILL.md, run as an ordinary user, print the JSON that the page describes. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { script } from '#support/ordinary-user.ts'

const page = readFileSync('docs/SKILL.md', 'utf8')
const tasks = [...page.matchAll(/^## (.*?)\n.*?```sh\n(.*?)```/gms)].map(
  ([, title = '', text = '']) => ({
    title,
    text,
  }),
)

/** Runs the tasks one after another, in a directory of the user's; what they print, by lines. */
function output(...numbers: readonly number[]): readonly string[] {
  const vnet = `vnet() { '${process.execPath}' "$root/dist/vnet.js" "$@"; }`
  const texts = numbers.map(number => tasks[number]?.text)
  // A pid in the background is the program's, and not that of a shell with the function.
  const lines = [...texts, 'cat explored.json 2> /dev/null || :']
    .join('\n')
    .replace(/^vnet (.* &)/gm, `'${process.execPath}' "$root/dist/vnet.js" $1`)
  return script(
    `root=$PWD; mkdir -p /tmp/skill.$$ && cd /tmp/skill.$$; ${vnet}\n${lines}\nrm -r /tmp/skill.$$`,
  ).split('\n')
}

const objects = (lines: readonly string[]) =>
  lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line))

test('the page has five tasks', () => {
  expect(tasks).toHaveLength(5)
})

test('the report of a command has what was sent and lost', () => {
  expect(objects(output(0))).toEqual([
    expect.objectContaining({ status: 0, seed: 7, out: expect.anything(), in: expect.anything() }),
  ])
})

test('interfaces, statistics and stages are lines of JSON', () => {
  const [list, stats, ...wire] = objects(output(1))
  expect(list.interfaces[0]).toMatchObject({
    name: 'sn0',
    driver: 'snull',
    state: 'up',
    wire: { ab: 'loss 20%' },
  })
  expect(stats.interfaces[0].total.txPackets).toBeGreaterThan(0)
  expect(wire).toEqual(
    ['ab', 'ba'].map(direction =>
      expect.objectContaining({ event: 'wire', direction, text: 'loss 20%' }),
    ),
  )
})

test('a capture of lost frames ends by itself', () => {
  expect(output(2).join('\n')).toMatch(/ packet loss/)
})

test('a lab from a file runs a command, and explore names the packets that break it', () => {
  const lines = output(3, 4)
  expect(lines.join('\n')).toMatch(/2 packets transmitted, 2 received/)
  expect(lines).toContain('failures: 1')
  const [explored] = objects(lines)
  expect(explored).toMatchObject({
    passed: false,
    failures: [{ error: 'the command ended with 1' }, {}],
  })
  expect(explored.failures[0].test).toMatch(/^vnet explore net.yaml --repeat /)
})
