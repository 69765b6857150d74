/** '@vnet/lab/playwright' in a project that has no Playwright. */
import { expect, test } from 'vitest'
import { LinkedProject } from './playwright-project.ts'

test('without Playwright the import says what to install', () => {
  using project = new LinkedProject()
  const text =
    "await import('@vnet/lab/playwright').catch(({ name, message }) => console.log(name, message))"
  const install = 'npm install --save-dev @playwright/test'
  expect(project.run(text)).toBe(
    `UsageError @vnet/lab/playwright: @playwright/test is not installed: ${install}\n`,
  )
})
