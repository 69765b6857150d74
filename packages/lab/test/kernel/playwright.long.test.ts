/** A test of examples/playwright with the chromium of the distribution. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

let project: PlaywrightProject

beforeAll(() => {
  project = new PlaywrightProject()
}, 120_000)
afterAll(() => project[Symbol.dispose]())

test('the packets of a page in a Playwright test cross the link of its network', ({ skip }) => {
  if (project.whyNot !== undefined) {
    skip(project.whyNot)
  }
  const { status, text } = project.run(['npx', 'playwright', 'test', 'checkout'], [], {
    VNET_REQUIRED: '1',
  })
  expect({ status, text }).toEqual({ status: 0, text: expect.stringMatching(/^ {2}1 passed/m) })
})
