import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { LEAST } from '../src/commands/similar/matches.ts'
import { ownPart, pairsOf } from '../src/commands/similar/similar.ts'

const SKELETON = `import { netifRx } from 'vnet'
function startXmit(skb, dev) {
  // TODO 1: give the frame to the kernel instead.
  skb.drop()
}
`
/** Five lines of a student's own. */
const OWN = `  const { ring, params } = dev.priv
  if (ring.length === ring.capacity) return skb.drop(params.reason)
  ring.push(skb)
  dev.priv.busy = true
  dev.priv.alarm.at(params.delay)
`
const withOwn = (own: string) =>
  SKELETON.replace('  // TODO 1: give the frame to the kernel instead.\n  skb.drop()\n', own)
const part = (student: string, text: string) => ownPart(student, [{ name: '', text }], SKELETON)

/** The same with other names, comments and layout. */
const RENAMED = `  // my own work
  const { slots,
    settings } = card.mine;
  if (slots.size === slots.room) return frame.free(settings.why);

  slots.add(frame); card.mine.works = true
  card.mine.bell.ring(settings.time) // later
`

test('a copy with other names, comments and lines has all tokens of the original', () => {
  const [anna, bob] = [part('anna', withOwn(`\n${OWN}`)), part('bob', withOwn(RENAMED))]
  const [pair, ...others] = pairsOf([anna, bob])
  expect(others).toEqual([])
  const { length } = anna.tokens
  expect(length).toBeGreaterThan(2 * LEAST)
  expect(pair).toEqual({
    students: ['anna', 'bob'],
    same: length,
    of: [length, length],
    lines: ['4-8', '4-6, 8-9'],
  })
})

test('lines of the skeleton are no part of a driver, however they are laid out', () => {
  expect(part('anna', SKELETON).tokens).toEqual([])
  expect(part('anna', SKELETON.replace('skb.drop()', '  skb . drop ( );')).tokens).toEqual([])
  const renamed = SKELETON.replaceAll('skb', 'frame')
  expect(part('anna', renamed).tokens.length).toBeGreaterThan(0)
})

test('runs that are shorter than two lines are not common parts', () => {
  const [a, b] = [part('anna', 'x.y(1, 2, 3)\n'), part('bob', 'x.y(1, 2, 3)\n')]
  expect(a.tokens.length).toBeLessThan(LEAST)
  expect(pairsOf([a, b])).toEqual([])
})

test('a part that was moved is found, and no token counts twice', () => {
  const other = 'for (let i = 0; i < 10; i++) { a[i] = b(i + 1) * 2 }\n'
  const [a, b] = [part('anna', OWN + other), part('bob', other + OWN + OWN)]
  const [pair] = pairsOf([a, b])
  expect(pair?.same).toBe(a.tokens.length)
  expect(pair?.lines).toEqual(['1-6', '1-6'])
  // In which text it is twice makes no difference.
  expect(pairsOf([b, a])[0]?.same).toBe(a.tokens.length)
})

test('the pair with the largest share of the shorter driver comes first', () => {
  const more = 'while (a < b) { c.d(e, f); g = h ? i : j + k }\n'
  const half = OWN.split('\n').slice(0, 3).join('\n')
  const other = 'for (let i = 0; i < 10; i++) { a[i] = b(i + 1) * 2 }\n'
  const parts = [part('anna', OWN), part('bob', `${half}\n${more}`), part('carl', OWN + other)]
  expect(pairsOf(parts).map(({ students, same, of }) => [...students, same, ...of])).toEqual([
    ['anna', 'carl', 54, 54, 81],
    ['anna', 'bob', 35, 54, 60],
    ['bob', 'carl', 35, 60, 81],
  ])
})

test('a module of the driver is a part of it, and its lines have its name', () => {
  const files = [
    { name: '', text: SKELETON },
    { name: 'lib/ring.js', text: OWN },
  ]
  const [pair] = pairsOf([part('anna', OWN), ownPart('bob', files, SKELETON)])
  expect(pair?.lines).toEqual(['1-5', 'lib/ring.js:1-5'])
})

test('vnet grade --similar prints the pairs of a class, and checks nothing', async () => {
  const directory = testDirectory()
  const from = join(import.meta.dirname, '../course/01-drop')
  for (const [student, text] of Object.entries({ anna: OWN, bob: RENAMED, carl: 'throw 1' })) {
    mkdirSync(join(directory, student, '01-drop'), { recursive: true })
    writeFileSync(join(directory, student, '01-drop/drop.js'), text)
  }
  mkdirSync(join(directory, 'dora'))
  const students = ['anna', 'bob', 'carl', 'dora'].map(name => join(directory, name))
  const run = (...args: string[]) =>
    runMain('grade', '--similar', '--from', from, ...args, ...students)
  const { status, stdout, stderr } = await run()
  expect([status, stderr]).toEqual([0, ''])
  const [head, first, ...others] = stdout.split('\n')
  expect(head).toBe(
    'exercise  student  student  same tokens      lines of the first  of the second',
  )
  expect(first).toMatch(/^01-drop {3}anna {5}bob {6}(\d+) of \1 and \1 +1-5 +2-4, 6-7$/)
  expect(others).toEqual([''])
  const json = JSON.parse((await run('--json')).stdout)
  expect(json).toMatchObject({ exercise: '01-drop', students: ['anna', 'bob'] })
})
