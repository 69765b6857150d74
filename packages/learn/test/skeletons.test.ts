/** The skeletons of the course are cut out of the solutions. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  cutOut,
  cutOutModule,
  moduleSkeletons,
  skeletons,
} from '../../../scripts/generate-skeletons.mjs'
import { withMistake, withoutMarkers } from '../src/exercise.ts'
import { COURSE, courseNames } from '../src/folder.ts'

test('the skeletons are up to date: npm run generate writes them', () => {
  const generated = skeletons()
  expect(generated.map(({ path }) => path.split('/')[0])).toEqual(courseNames())
  for (const { path, text } of generated) {
    expect(readFileSync(join(COURSE, path), 'utf8'), path).toBe(text)
  }
})

/** Columns of the editor beside the text on a page of 1440 px, with its scroll bars. */
const COLUMNS = 59
/** A comment that has only types, which do not wrap. */
const TYPES = /@(typedef|type|param|property) \{.*\}( \w+)?( \*\/)?$/

test.each(courseNames())('the editor shows whole lines of the comments of %s', name => {
  const [, driver = ''] =
    /^ {2}driver: '(.*)',$/m.exec(readFileSync(join(COURSE, name, 'exercise.js'), 'utf8')) ?? []
  const lines = readFileSync(join(COURSE, name, driver), 'utf8').split('\n')
  const comments = lines.filter(line => /^ *(\/\/|\/?\*)/.test(line))
  expect(comments.length).toBeGreaterThan(2)
  expect(comments.filter(line => line.length > COLUMNS && !TYPES.test(line))).toEqual([])
})

test('the skeletons of modules are up to date: npm run generate writes them', () => {
  const generated = moduleSkeletons()
  expect(generated.map(({ path }) => path)).toEqual([
    '23-tx-ring/kernel/skeleton.c',
    '24-rx-ring/kernel/skeleton.c',
  ])
  for (const { path, text } of generated) {
    expect(readFileSync(join(COURSE, path), 'utf8'), path).toBe(text)
  }
})

test('in a module, markers are block comments', () => {
  const module = `static int poll(void)
{
\t/* #todo 1: enable it. */
\t/* #skeleton return 0; */
\tenable(); /* the card */
\treturn 1;
\t/* #end */
}
`
  expect(cutOutModule(module)).toBe(`static int poll(void)
{
\t/* TODO 1: enable it. */
\treturn 0;
}
`)
  expect(() => cutOutModule('/* #end */')).toThrow('line 1: #end has no block')
})

const marked = `function poll(dev) {
  // #solution
  const { napi } = dev.priv
  // #end
  // #todo 1: enable
  // #skeleton // the poll.
  // #skeleton if (dev) {
  // #skeleton   return 0
  // #skeleton }
  napi.enable()
  // Not a marker.
  return 1
  // #end
  // #todo 2: nothing.
  // #end
}
/**
 * #solution
 * @property {number} tail
 * #end
 * #skeleton @returns {number}
 * #end
 */
`

test('a skeleton has the lines of the markers in place of the lines up to #end', () => {
  expect(cutOut(marked)).toBe(`function poll(dev) {
  // TODO 1: enable
  // the poll.
  if (dev) {
    return 0
  }
  // TODO 2: nothing.
}
/**
 * @returns {number}
 */
`)
})

test('learners see a solution without its markers', () => {
  const shown = `function poll(dev) {
  const { napi } = dev.priv
  napi.enable()
  // Not a marker.
  return 1
}
/**
 * @property {number} tail
 */
`
  expect(withoutMarkers(marked)).toBe(shown)
  expect(withoutMarkers(shown)).toBe(shown)
})

test.each(courseNames())('the solution of %s has no marker that learners see', name => {
  const solution = readFileSync(join(COURSE, name, 'solution.js'), 'utf8')
  expect(withoutMarkers(solution)).not.toMatch(/^ *(\/\/|\*) #/m)
})

test('a mistake replaces a text of the solution that a marker has, too, or divides', () => {
  const replace = ['return 1\n}', 'return 0\n}'] as const
  const text = withMistake(marked, { name: 'none', explainedBy: '', replace })
  expect(text).toBe(withoutMarkers(marked).replace(...replace))
  const once = { name: 'once', explainedBy: '', replace: ['napi.enable()', ''] } as const
  const twice = `// #skeleton napi.enable()\n${marked}`
  expect(withMistake(twice, once)).toBe(withoutMarkers(marked).replace(...once.replace))
})

test.each([
  ['// #end', 'line 1: #end has no block'],
  ['// #solution\na()', 'the last block has no #end'],
  ['// #todo 1: a.\n// #solution', 'line 2: the block before has no #end'],
  ['// #todo 1: a.\na()\n// #skeleton b()', 'line 3: the block before has no #end'],
  ['a()\n// #todo', 'line 2 is not a marker: // #todo'],
  ['  // #ends', 'line 1 is not a marker:   // #ends'],
])('markers that do not fit are refused: %j', (solution, message) => {
  expect(() => cutOut(solution)).toThrow(message)
})
