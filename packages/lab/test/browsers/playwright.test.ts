/** '@vnet/lab/playwright' in runs of Playwright with the chromium of the distribution. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser } from '#support/ordinary-user.ts'
import { PlaywrightProject } from '../support/playwright-project.ts'

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
