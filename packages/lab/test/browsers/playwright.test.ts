/** '@vnet/lab/playwright' in runs of Playwright with the chromium of the distribution. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser } from '#support/ordinary-user.ts'
import { PlaywrightProject } from '../support/playwright-project.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')
const LIMIT = { timeout: 300_000 }
const PLAYWRIGHT = ['npx', 'playwright', 'test']
const ROOTLESS = ['node', 'node_modules/vnet/dist/vnet.js', 'rootless', '--']
const REQUIRED = { VNET_REQUIRED: '1' }

/** Returns the lines of Playwright's summary, which has one for skipped tests, too. */
const countsOf = (text: string) => text.match(/(?<=^ {2})\d+ [a-z ]+(?=$| \()/gm)

let project: PlaywrightProject

beforeAll(() => {
  project = new PlaywrightProject()
  if (project.whyNot !== undefined) throw new Error(project.whyNot)
}, 120_000)
afterAll(() => project[Symbol.dispose]())

test('the tests of examples/playwright pass', LIMIT, () => {
  const { status, text } = project.run(PLAYWRIGHT, [], REQUIRED)
  expect({ status, counts: countsOf(text) }, text).toEqual({ status: 0, counts: ['5 passed'] })
})

test('the tests of examples/playwright pass as an ordinary user by vnet rootless', LIMIT, () => {
  project.openToAll()
  // Root's run has left the cache of unchanged files, in a directory that the user cannot write to.
  appendFileSync(join(project.directory, 'checkout.test.js'), '// changed\n')
  const home = { HOME: project.directory, ...REQUIRED }
  const { status, text } = project.run([...ROOTLESS, ...PLAYWRIGHT], asUser(), home)
  expect({ status, counts: countsOf(text) }, text).toEqual({ status: 0, counts: ['5 passed'] })
})

test(
  'network is an option of test.use() and of the configuration, and the link in a test',
  LIMIT,
  () => {
    expect(countsOf(project.runCase('network', { network: 'delay 1ms' }))).toEqual(['10 passed'])
  },
)

test(
  'a mistake in a fixture is reported at the line of the file that extends the test',
  LIMIT,
  () => {
    const { status, text } = project.runFile(
      'line',
      `import { test } from '@vnet/lab/playwright'

     const extended = test.extend({ mine: async ({ nothing }, use) => use() })
     extended('a test', () => {})`,
    )
    expect(status).toBe(1)
    expect(text).toMatch(/Fixture "mine" has unknown parameter "nothing"\.\s+at line\.case\.js:3$/m)
  },
)

test('a failed test has its capture as an attachment, and its drops in one line', LIMIT, () => {
  const { status, text } = project.runFile(
    'failing',
    `import { test } from '@vnet/lab/playwright'
     test.use({ network: { wire: { ab: 'match "udp port 9" (loss 100%)', ba: '' } } })
     test('loses packets', async ({ client, network }) => {
       const socket = await client.createSocket('udp4')
       await new Promise(resolve => socket.send('x', 9, 'server', resolve))
       throw new Error('on purpose')
     })`,
  )
  expect(status).toBe(1)
  expect(text).toMatch(/on purpose\n\s*\n\s*vnet: dropped on browser-server ab: 1 by .*loss 100%/)
  expect(text).toMatch(/attachment #1: browser-server\.pcapng/)
})

test(
  'no address of a browser changes while it loads a page, because none is tentative',
  LIMIT,
  () => {
    const { status, text } = project.runFile(
      'addresses',
      `import { expect, test } from '@vnet/lab/playwright'
     test('has all addresses', async ({ client, network }) => {
       const { stdout } = await client.exec('ip', ['-6', 'addr', 'show', 'dev', 'server'])
       expect(stdout).toMatch(/inet6 fe80::/)
       expect(stdout).not.toContain('tentative')
     })`,
    )
    expect({ status, text }).toEqual({ status: 0, text: expect.stringContaining('1 passed') })
  },
)

test(
  'without rights tests are skipped with the reason, or fail with it if VNET_REQUIRED is 1',
  LIMIT,
  () => {
    const before = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all']
    const file = `import { test } from '@vnet/lab/playwright'
    test('opens a page', async ({ page }) => {})`
    const skipped = project.runFile('rights', file, { more: {}, by: before })
    expect(skipped).toEqual({
      status: 0,
      text: expect.stringMatching(/"description": "a lab needs CAP_SYS_ADMIN/),
    })
    const failed = project.runFile('rights', file, { by: before })
    expect(failed).toEqual({
      status: 1,
      text: expect.stringContaining('a lab needs CAP_SYS_ADMIN'),
    })
  },
)

test('mistakes in the options are refused in one line', LIMIT, () => {
  const { status, text } = project.runFile(
    'mistakes',
    `import { mergeTests } from '@playwright/test'
     import { test } from '@vnet/lab/playwright'
     test.describe('wire', () => {
       test.use({ network: 'dealy 20ms' })
       test('text', ({ network }) => {})
     })
     test.describe('option', () => {
       test.use({ network: { wires: '' } })
       test('name', ({ network }) => {})
     })
     test.describe('ports', () => {
       test.use({ network: { forward: [0] } })
       test('zero', ({ network }) => {})
     })
     test.describe('types', () => {
       test.use({ network: 7 })
       test('number', ({ network }) => {})
     })
     test.describe('link', () => {
       const merged = mergeTests(test)
       merged.use({ network: 'delay 1ms' })
       merged('merged', ({ client }) => {})
     })
     test('a browser without a page', ({ browser }) => browser.newPage())
     test('a request of the test', ({ request }) => request.get('http://localhost:1'))
     test('a request of the page', ({ page }) => page.request.get('http://localhost:2'))`,
  )
  expect(status).toBe(1)
  for (const line of [
    /dealy/,
    /wires/,
    /network: forward: \[ 0 \] is not a list of TCP ports/,
    /network: 7 is not a wire, such as 'preset slow-3g', or options/,
    /network: set it with test\.use\(\) of '@vnet\/lab\/playwright': use\(\) of a merged test makes no link/,
    /browser: it starts with the fixtures page and context; on other hosts use browserIn\(host\)/,
  ]) {
    expect(text).toMatch(line)
  }
  expect(
    text.match(
      /^ *\w*Error: request: its requests do not pass the link; use client\.fetch\(url\)/gm,
    ),
  ).toHaveLength(2)
})

test('CommonJS loads @vnet/lab/playwright', LIMIT, () => {
  const { text } = project.run(['node', '-p', "typeof require('@vnet/lab/playwright').test.use"])
  expect(text).toContain('function\n')
})

test('network type-checks as an option and as a link', LIMIT, () => {
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
