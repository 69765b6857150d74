/** WebRTC between browsers in hosts of a lab. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

const LIMIT = { timeout: 300_000 }

let project: PlaywrightProject

beforeAll(() => {
  project = new PlaywrightProject()
  if (project.whyNot !== undefined) throw new Error(project.whyNot)
}, 120_000)
afterAll(() => project[Symbol.dispose]())

test('the round trip of a data channel has the delay of the wire, there and back', LIMIT, () => {
  expect(project.runCase('delay')).toMatch(/round trip: \d+ ms by getStats\(\)/)
})

test('a receiver misses as many packets of audio as the wire has dropped', LIMIT, () => {
  expect(project.runCase('audio')).toMatch(
    /audio: \d+ lost by getStats\(\), \d+ dropped by the wire/,
  )
})

test('pairs of NATs connect by the candidates that RFC 8445 and RFC 4787 predict', LIMIT, () => {
  const lines = project.runCase('nats').match(/^\s*[a-z-]+, [a-z-]+: [a-z]+ [a-z]+$/gm)
  expect(lines).toHaveLength(25)
})
