/** The tests that every exercise of the course has. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Exercise, Result } from '../../src/course/exercise.ts'
import { COURSE } from '../../src/course/folder.ts'
import { runInMemory } from '../../src/course/memory.ts'
import type { Driver } from '../../src/netdev/driver.ts'

/** A driver of the course that must fail, and the text of the explanation. */
export interface Wrong {
  readonly file: string
  readonly text: string
  /** True if only a live check finds the mistake. */
  readonly isLive: boolean
}

const load = async (file: string): Promise<Driver> => (await import(file)).driver

/** Runs the checks in memory, until one fails. */
export async function checkInMemory({ memory, params }: Exercise, file: string): Promise<Result[]> {
  const driver = await load(file)
  const results: Result[] = []
  for (const check of memory) {
    if (results.at(-1)?.result !== 'failed') results.push(await runInMemory(check, driver, params))
  }
  return results
}

export function wrongDrivers({ name }: Exercise): Wrong[] {
  const directory = join(COURSE, name, 'wrong')
  return readdirSync(directory).map(base => {
    const file = join(directory, base)
    const [first = '', second] = readFileSync(file, 'utf8').split('\n')
    const text = /^\/\/ explained by: (.+)$/.exec(first)?.[1]
    if (text === undefined) throw new Error(`${file} does not begin with: // explained by: TEXT`)
    return { file, text, isLive: second === '// live' }
  })
}

/** The headings of the page, which explanations refer to. */
export function headings(page: string): string[] {
  return [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string)
}

/** Expects that the first failure has the text, and refers to a heading of the page. */
export function expectExplained({ name }: Exercise, results: readonly Result[], { text }: Wrong): void {
  const failed = results.find(({ result }) => result === 'failed')
  const { seen, expected, logged = [] } = failed ?? {}
  expect([seen, expected, ...logged].join('\n')).toContain(text)
  expect(headings(readFileSync(join(COURSE, name, 'README.md'), 'utf8'))).toContain(failed?.read)
}

export function testInMemory(exercise: Exercise): void {
  const { name, title, kernelNames } = exercise
  const directory = join(COURSE, name)

  describe(name, () => {
    test(`the solution of ${name} passes all checks in memory`, async () => {
      const results = await checkInMemory(exercise, join(directory, 'solution.js'))
      expect(results.filter(({ result }) => result !== 'passed')).toEqual([])
    })

    test(`the skeleton of ${name} fails a check with an explanation that refers to the page`, async () => {
      const results = await checkInMemory(exercise, join(directory, 'driver.js'))
      expectExplained(exercise, results, { text: '', file: '', isLive: false })
    })

    const wrong = wrongDrivers(exercise)
    test(`${name} has at least three wrong drivers`, () => {
      expect(wrong.length).toBeGreaterThanOrEqual(3)
    })

    test.each(wrong.filter(({ isLive }) => !isLive))(`a wrong driver of ${name} is explained by: $text`, async each => {
      expectExplained(exercise, await checkInMemory(exercise, each.file), each)
    })

    test(`the page of ${name} has its title, the names of the kernel, and at most 100 lines`, () => {
      const page = readFileSync(join(directory, 'README.md'), 'utf8')
      expect(page).toMatch(new RegExp(`^# ${Number(name.slice(0, 2))}\\. `))
      expect(page.split('\n')[0]).toContain(title)
      for (const kernelName of kernelNames) expect(page).toContain(kernelName)
      expect(page.split('\n').length).toBeLessThanOrEqual(101)
      for (const part of ['What to do', 'How it is checked', 'See it live']) expect(headings(page)).toContain(part)
    })
  })
}
