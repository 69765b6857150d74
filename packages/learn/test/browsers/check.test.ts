/** The checks in memory of the course in browsers: they give the results that they give in Node. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { exerciseOf, mistakesOf, solutionOf, wrongDriver } from '#support/course.ts'
import { fileDirectory, written } from '#support/fresh-directory.ts'
import { BROWSERS, type BrowserName } from '../../../web/test/support/web/browser.ts'
import { COURSE, courseNames } from '../../src/folder.ts'
import { type Case, type Checked, checkedIn, writeSite } from '../support/browser-checks.ts'

/** Milliseconds in which the drivers of one exercise are checked. */
const LIMIT_MS = 300_000
const [directory, nodeDirectory] = [fileDirectory(), fileDirectory()]

/** The drivers of an exercise: its solution, its skeleton and all mistakes. */
interface Drivers {
  readonly exercise: string
  readonly cases: readonly Case[]
  /** Names of mistakes that need a kernel, or a second thread: the checks in memory pass. */
  readonly needKernel: readonly string[]
}

const course: readonly Drivers[] = await Promise.all(courseNames().map(driversOf))

async function driversOf(name: string): Promise<Drivers> {
  const exercise = await exerciseOf(name)
  const caseOf = (title: string, text: string): Case => ({ name: title, exercise: name, text })
  const casesOf = async (isLive: boolean) =>
    (await mistakesOf(exercise, isLive)).map(mistake =>
      caseOf(`${mistake.name} in ${name}`, wrongDriver(exercise, mistake)),
    )
  const [inMemory, live] = [await casesOf(false), await casesOf(true)]
  const skeleton = readFileSync(join(COURSE, name, exercise.driver), 'utf8')
  const own = [
    caseOf(`the solution of ${name}`, solutionOf(name)),
    caseOf(`the skeleton of ${name}`, skeleton),
  ]
  return {
    exercise: name,
    cases: [...own, ...inMemory, ...live],
    needKernel: live.map(({ name: title }) => title),
  }
}

/** What browsers print in another way, and why. */
const BUNDLED = {
  cause: 'a line of vnet or of an exercise, which are in files of the bundle',
  pattern: /(?:http:\/\/[^/]+)?(?:\/[\w.-]+){2,}\.js:\d+(?::\d+)?/g,
}
const METHOD = {
  cause: 'SpiderMonkey names a method without its class',
  pattern: /\b[A-Z]\w*\.(?=\w+ \()/g,
}
const COLUMN = {
  cause: 'SpiderMonkey has another column in a chain of calls',
  pattern: /(?<=\.js:\d+):\d+/g,
}
const UNDEFINED = {
  cause: 'SpiderMonkey has other words and another column for a member of undefined',
  pattern: /(?<=TypeError: ).*?(?= \(at )|(?<=\.js:\d+):\d+/g,
}

type Differences = Readonly<Record<string, { readonly cause: string; readonly pattern: RegExp }>>

const IN_ALL: Differences = { 'not-off in 12-board': BUNDLED }
const DIFFERENCES: Readonly<Record<BrowserName, Differences>> = {
  chromium: IN_ALL,
  'firefox-esr': {
    ...IN_ALL,
    'drops-too in 03-ring': COLUMN,
    'starts in 03-ring': COLUMN,
    'cuts-tcp-only in 09-offloads': COLUMN,
    'alloc-unchecked in 21-udp': UNDEFINED,
    'the skeleton of 17-release': COLUMN,
    'released-twice in 17-release': COLUMN,
    'never-unlocks in 13-two-cpus': METHOD,
    'yield-without-star in 13-two-cpus': METHOD,
    'waits-with-the-lock in 13-two-cpus': METHOD,
    'no-interrupt in 14-to-the-kernel': METHOD,
    'no-stop in 14-to-the-kernel': METHOD,
    'keeps-descriptors in 14-to-the-kernel': METHOD,
    'ignores-a-failure in 14-to-the-kernel': METHOD,
    'keeps-the-mapping in 23-tx-ring': UNDEFINED,
    'no-wrap in 23-tx-ring': UNDEFINED,
    'no-wrap in 24-rx-ring': UNDEFINED,
    'clean-no-wrap in 24-rx-ring': UNDEFINED,
    'without-memory in 24-rx-ring': UNDEFINED,
    'completes-always in 24-rx-ring': METHOD,
    'frees-mapped in 24-rx-ring': COLUMN,
    'waits-for-the-ring in 25-trouble': COLUMN,
  },
}

const drop = solutionOf('01-drop')
const DROP = 'skb.drop()'
const LINES = drop.split('\n').length

/** Drivers that break a worker, or load in another way, and the failure; undefined without one. */
const others: readonly (readonly [name: string, text: string, seen: RegExp | undefined])[] = [
  [
    'a loop in a function',
    drop.replace(DROP, 'for (;;);'),
    /^startXmit \(\/drop\.js:18\) has not returned for 5 s: a loop without end$/,
  ],
  [
    'a loop outside of its operations',
    `${drop}for (;;);`,
    /^the driver has not returned for 5 s: a loop without end$/,
  ],
  ['a syntax error', `${drop}let b = )`, at('SyntaxError: .*', `file:///drop.js:${LINES}:9`)],
  [
    'a syntax error in the first line',
    `let b = ); ${drop}`,
    at('SyntaxError: .*', 'file:///drop.js:1:9'),
  ],
  [
    'an import that vnet does not export',
    drop.replace('import {', 'import {\n  nothing,'),
    at("SyntaxError: The requested module 'vnet' .* 'nothing'", 'file:///drop.js:3'),
  ],
  [
    'an import of Node',
    `import 'node:fs'\n${drop}`,
    /^\/drop.js does not load: Error: \/drop.js imports 'node:fs': a driver of an exercise imports 'vnet', 'vnet\/drivers', 'vnet\/pci' and its own modules$/,
  ],
  ['an exception', `${drop}throw new Error('away')`, at('Error: away', `/drop.js:${LINES}:7`)],
  [
    'messages without end',
    `${drop}for (;;) postMessage({ begin: 'x' })`,
    at('ReferenceError: .*postMessage.*', `/drop.js:${LINES}:\\d+`),
  ],
  [
    'another check that it starts',
    `${drop}dispatchEvent(new MessageEvent('message', { data: ${JSON.stringify({ exercise: '01-drop', text: drop })} }))
await new Promise(resolve => setTimeout(resolve, 500))
throw new Error('away')`,
    /Error: away/,
  ],
  [
    'no driver',
    drop.replace('export const driver', 'const driver'),
    /^\/drop.js exports no driver: it needs `export/,
  ],
  [
    'an exception in a timer',
    `${drop}setTimeout(() => nobody())`,
    /^ReferenceError: nobody .* \(at \/drop.js:\d+:18\)$/,
  ],
  [
    'a rejected promise',
    drop.replace(DROP, `${DROP}; Promise.reject(new Error('late'))`),
    /^Error: late \(at startXmit \(\/drop.js:22:30\)\)$/,
  ],
  [
    'a timer that is left',
    drop.replace(DROP, `${DROP}; setInterval(() => {}, 1e6)`),
    /^the devices are gone, and a timer of setTimeout or setInterval still runs$/,
  ],
  [
    'a timer that is cleared',
    drop.replace(DROP, `${DROP}; clearTimeout(setTimeout(() => {}, 1e6))`),
    undefined,
  ],
  ['an import of a driver', `import { snull } from 'vnet/drivers'\n${drop}snull.name\n`, undefined],
  [
    'an import at run time',
    `const { snull } = await import('vnet/drivers')\n${drop}snull.name\n`,
    undefined,
  ],
]

function at(what: string, place: string): RegExp {
  return new RegExp(`^/drop.js does not load: ${what} \\(at ${place}\\)$`)
}

type ByName = ReadonlyMap<string, Checked>

const byName = (all: readonly Checked[]): ByName => new Map(all.map(each => [each.name, each]))

/** The results in Node, by exercise. Each browser is compared with them. */
const inNode = new Map<string, Promise<ByName>>()

async function checkInNode({ exercise, cases }: Drivers): Promise<ByName> {
  const script = join(import.meta.dirname, '../support/check-in-node.mjs')
  const listed = written(nodeDirectory, `${exercise}.json`, JSON.stringify(cases))
  const args = [script, join(nodeDirectory, exercise), listed]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 28 })
  return byName(JSON.parse(stdout))
}

beforeAll(() => writeSite(directory), LIMIT_MS)

describe.each(BROWSERS)('%s', browser => {
  describe.each(course)('$exercise', drivers => {
    const { exercise, cases, needKernel } = drivers
    let [checked, expected]: [ByName, ByName] = [new Map(), new Map()]

    beforeAll(async () => {
      const node = inNode.get(exercise) ?? checkInNode(drivers)
      inNode.set(exercise, node)
      expected = await node
      checked = byName(await checkedIn(browser, directory, { cases }))
    }, LIMIT_MS)

    test.each(cases)(`$name has the results of Node in ${browser}`, ({ name }) => {
      const difference = DIFFERENCES[browser][name]
      const [inBrowser, known] = [checked, expected].map(all =>
        JSON.stringify(all.get(name)?.results),
      )
      if (difference === undefined) {
        return expect(JSON.parse(`${inBrowser}`)).toEqual(JSON.parse(`${known}`))
      }
      // Otherwise the list has one that does not differ any more.
      expect(inBrowser, difference.cause).not.toBe(known)
      expect(inBrowser?.replaceAll(difference.pattern, '')).toBe(
        known?.replaceAll(difference.pattern, ''),
      )
    })

    test.each(needKernel)(
      `%s passes the checks in memory in ${browser}: only a kernel shows it`,
      name => {
        expect(checked.get(name)?.results.length).toBeGreaterThan(0)
        expect(failureIn(checked, name)).toBeUndefined()
      },
    )
  })

  describe('other drivers', () => {
    let checked: ByName = new Map()

    beforeAll(async () => {
      const cases = others.map(([name, text]) => ({ name, exercise: '01-drop', text }))
      const unknown = { name: 'an unknown exercise', exercise: '99-none', text: drop }
      checked = byName(await checkedIn(browser, directory, { cases: [...cases, unknown] }))
    }, LIMIT_MS)

    test.each(others)(`a driver with %s passes or is explained in ${browser}`, (name, _, seen) => {
      const failure = failureIn(checked, name)
      if (seen === undefined) {
        const results = checked.get(name)?.results.length
        expect([results, failure]).toEqual([expect.any(Number), undefined])
      } else {
        expect(failure?.seen).toMatch(seen)
      }
    })

    test(`after a loop ${browser} has each other check as not run, in its order`, async () => {
      const { memory } = await exerciseOf('01-drop')
      const { results = [] } = checked.get('a loop in a function') ?? {}
      expect(results.map(({ title }) => title)).toEqual(memory.map(({ title }) => title))
      expect(results.at(-1)).toMatchObject({ result: 'not run', why: 'an earlier check failed' })
    })

    test(`an exercise that ${browser} cannot load says nothing about the driver`, () => {
      expect(checked.get('an unknown exercise')).toMatchObject({
        results: [],
        thrown: expect.stringMatching(/^NotChecked: the checks of 99-none ended: /),
      })
    })
  })
})

const failureIn = (checked: ByName, name: string) =>
  checked.get(name)?.results.find(({ result }) => result === 'failed')
