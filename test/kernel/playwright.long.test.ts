/** A test of examples/playwright, with the chromium of the distribution. */
import { expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

test('a page of a Playwright test is behind the link of its network', { timeout: 300_000 }, ({ skip }) => {
  using project = new PlaywrightProject()
  if (project.whyNot !== undefined) skip(project.whyNot)
  const { status, text } = project.run(['npx', 'playwright', 'test', 'checkout'], [], { VNET_REQUIRED: '1' })
  expect(text).toContain('1 passed')
  expect(status).toBe(0)
})
