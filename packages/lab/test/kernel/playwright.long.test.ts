/** A test of examples/playwright with the chromium of the distribution, and the types of tests. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PlaywrightProject } from '../support/playwright-project.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')

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

test('CommonJS loads @vnet/lab/playwright', ({ skip }) => {
  if (project.whyNot !== undefined) {
    skip(project.whyNot)
  }
  const { text } = project.run(['node', '-p', "typeof require('@vnet/lab/playwright').test.use"])
  expect(text).toContain('function\n')
})

test('network type-checks as an option and as a link', ({ skip }) => {
  if (project.whyNot !== undefined) {
    skip(project.whyNot)
  }
  const text = `
    import { defineConfig, mergeTests, test as plain, type Page } from '@playwright/test'
    import { expect, type NetworkTestOptions, test } from '@vnet/lab/playwright'

    defineConfig<NetworkTestOptions>({ use: { network: 'preset slow-3g', locale: 'de' } })
    // @ts-expect-error A number is not a wire.
    defineConfig<NetworkTestOptions>({ use: { network: 7 } })

    test.use({ network: 'preset slow-3g' })
    test.use({ network: undefined })
    test.use({ network: { wire: { ab: 'loss 1%' }, forward: [3000] }, locale: 'de' })
    test.use({ locale: 'de', viewport: async ({ isMobile }, use) => use(isMobile ? null : { width: 1, height: 1 }) })
    // @ts-expect-error A number is not a wire.
    test.use({ network: 7 })
    // @ts-expect-error The option is called wire.
    test.use({ network: { wires: '' } })

    test('a link', async ({ page, network, server, browserIn, lab }) => {
      await network.wire('loss 5%')
      await network.offline(2000)
      const dropped: number | undefined = (await network.stats()).ab.stages[0]?.dropped
      const page2: Page = await (await browserIn(server)).newPage()
      await expect(page).toHaveTitle(String(dropped) + lab.name + page2.url())
      // @ts-expect-error It is a link.
      network.trim()
    })

    const extended = test.extend<{ answer: number }>({
      answer: async ({ network }, use) => use((await network.stats()).a.sent),
    })
    extended.use({ network: 'delay 1ms', answer: 7 })
    extended('an answer', ({ network, answer }) => network.wire(answer.toFixed()))
    test.extend<{ answer: number }>({ network: 'delay 1ms', answer: 42 })('both', ({ network, answer }) =>
      network.offline(answer),
    )
    test.extend({
      network: async ({ network }, use) => {
        await network.wire('loss 1%')
        await use(network)
      },
    })
    mergeTests(plain, test)('a merged test', ({ network }) => network.down())
  `
  writeFileSync(join(project.directory, 'types.ts'), text)
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    // Playwright's declarations are not for compilers with this option.
    exactOptionalPropertyTypes: false,
    // The types of a linked clone find those of the project's Playwright.
    preserveSymlinks: true,
  }
  writeFileSync(
    join(project.directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['types.ts'] }),
  )
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', project.directory], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
})
