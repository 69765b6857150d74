/** The workflow of the tests names what exists. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { IN_MEMORY } from '../../scripts/kernel-tests.mjs'

const { jobs } = parse(readFileSync('.github/workflows/test.yml', 'utf8'))

test('the jobs for macOS and Windows run a folder of tests that run there', () => {
  const { strategy, steps } = jobs.memory
  expect(strategy.matrix).toEqual({
    node: [20, 24],
    runner: [expect.stringMatching(/^macos-/), expect.stringMatching(/^windows-/)],
  })
  const [, folder] = /^npm run test:all -- (\S+)$/.exec(steps.at(-1).run) ?? []
  expect(IN_MEMORY).toContain(`${folder}/`)
  expect(existsSync(folder as string)).toBe(true)
})
