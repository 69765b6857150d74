/** The hints, the mistakes and the modules that the pages of the exercises show. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { twins } from '../../../../docs/.vitepress/theme/twins.js'
import { type Mistake, withoutMarkers } from '../../src/exercise.ts'
import { COURSE, courseNames } from '../../src/folder.ts'

const read = (...path: string[]) => readFileSync(join(COURSE, ...path), 'utf8')
const withModule = courseNames().filter(name => existsSync(join(COURSE, name, 'kernel/solution.c')))

test.each(courseNames())(
  'the page of %s ends with three hints, and the third one names code',
  name => {
    const [, text = ''] = read(name, 'README.md').split('\n## Hints\n')
    const [, list = ''] =
      /^\n<details>\n<summary>.+<\/summary>\n\n([\s\S]*)\n\n<\/details>\n$/.exec(text) ?? []
    const hints = list.split(/\n(?=\d\. )/)
    expect(hints.map(hint => /^(\d)\. [A-Z][\s\S]*\.$/.exec(hint)?.[1])).toEqual(['1', '2', '3'])
    expect(hints[2]).toMatch(/`\w+`, [\s\S]*`/)
  },
)

test.each(courseNames())('each mistake of %s says what it does in a kernel', async name => {
  const { mistakes } = (await import(join(COURSE, name, 'mistakes.js'))) as {
    mistakes: readonly Mistake[]
  }
  const sentences = mistakes.map(({ inKernel = '' }) => inKernel)
  expect(sentences.filter(text => !/^\S.{40,210}\.$/.test(text))).toEqual([])
})

test.each(withModule)(
  'each operation of %s is beside its function in C, and no line is lost',
  name => {
    const driver = withoutMarkers(read(name, 'solution.js'))
    const module = read(name, 'kernel/solution.c')
    const pairs = twins(driver, module)
    const lines = (text: string) => text.split('\n').filter(line => line.trim() !== '')
    expect(lines(pairs.map(([left]) => left).join('\n'))).toEqual(lines(driver))
    const all = pairs.map(([, right]) => right).join('\n')
    expect(lines(all).sort()).toEqual(lines(module).sort())
    const operations = [
      ...driver.matchAll(/\bndo(Open|Stop|StartXmit|TxTimeout|Siocdevprivate|GetStats64): (\w+)/g),
    ]
    for (const [, operation = '', own] of operations) {
      const kernel = `.ndo${operation.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)} = `
      const [, twin] = new RegExp(`\\${kernel}(\\w+)`).exec(module) ?? []
      const pair = pairs.find(([left]) => new RegExp(`^function ${own}\\(`, 'm').test(left))
      // In 13-two-cpus the functions that they call have the twins.
      if (pair?.[1] !== '') {
        expect(pair?.[1]).toMatch(new RegExp(`^static .*\\b${twin}\\(`, 'm'))
      }
    }
    expect(pairs.filter(pair => !pair.includes('')).length).toBeGreaterThan(4)
  },
)
