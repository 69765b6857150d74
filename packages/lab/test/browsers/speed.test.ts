/** How long browsers take past slow links, and what their own emulation does not reach. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

const LIMIT = { timeout: 300_000 }

let project: PlaywrightProject

beforeAll(() => {
  project = new PlaywrightProject()
  if (project.whyNot !== undefined) throw new Error(project.whyNot)
}, 120_000)
afterAll(() => project[Symbol.dispose]())

test('a download of Chromium takes the time of its bits on the link, like curl', LIMIT, () => {
  const lines = project.runCase('download').match(/1 MB, .*: \d+ ms by Chromium, \d+ ms by curl/g)
  console.log(lines?.join('\n'))
  expect(lines?.length).toBeGreaterThanOrEqual(2)
})

test('HTTP, a WebSocket and a data channel are as slow as their link', LIMIT, () => {
  const lines = project.runCase('emulation').match(/200 kB at 1 Mbit.s by .*/g)
  console.log(lines?.join('\n'))
  expect(lines?.length).toBeGreaterThanOrEqual(2)
})

test('a link reaches what the emulation of Chromium leaves alone', LIMIT, () => {
  expect(project.runCase('reach')).toMatch(/^ {2}2 passed/m)
})
