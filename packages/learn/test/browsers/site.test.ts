/** The exercises, the playground and the search of the site, as `npm run docs` builds it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { BROWSERS } from '../../../web/test/support/web/browser.ts'
import { COURSE } from '../../src/folder.ts'
import { editingTests } from '../support/site/editing.ts'
import { exerciseTests } from '../support/site/exercises.ts'
import { contrastTests, frontTests, stillTests } from '../support/site/front.ts'
import { helpTests, scriptlessTests } from '../support/site/help.ts'
import { lookTests } from '../support/site/looks.ts'
import { offlineTests } from '../support/site/offline.ts'
import { playgroundTests } from '../support/site/playgrounds.ts'
import { searchTests } from '../support/site/search.ts'
import { BASE, Visit } from '../support/site/visit.ts'
import { widthTests } from '../support/site/widths.ts'

/** The build takes 40 s on two cores. */
const LIMIT_MS = 600_000
const ROOT = join(COURSE, '../../..')
const directory = fileDirectory()

beforeAll(() => {
  const env = { ...process.env, VNET_DOCS_BASE: BASE }
  const args = ['run', 'docs', '--', '--outDir', directory]
  execFileSync('npm', args, {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: LIMIT_MS,
  })
}, LIMIT_MS)

searchTests(directory)

describe.each(BROWSERS)('%s', browser => {
  const visit = new Visit(directory, browser)
  exerciseTests(visit)
  editingTests(visit)
  helpTests(visit)
  playgroundTests(visit)
  frontTests(visit)
  // Firefox takes its color scheme from the system, and would ask for the same files.
  if (browser === 'chromium') {
    stillTests(visit)
    lookTests(visit)
    contrastTests(visit)
    widthTests(visit)
    scriptlessTests(visit)
  }
  test('the address of a page that has moved leads to the same heading of another one', async () => {
    const page = await visit.page('write-a-driver-timer.html#_6-parameters')
    await page.waitForURL('**/write-a-driver.html#_6-parameters')
    expect(await page.locator('h2:target').textContent()).toContain('6. Parameters')
  })

  offlineTests(visit)

  test('no page asks for anything outside of the site', () => {
    expect(visit.site.asked).toEqual({
      own: expect.arrayContaining(
        ['check-worker.js', 'playground-worker.js'].map(name => expect.stringContaining(name)),
      ),
      others: [],
    })
  })
})
