/** Tests of the site without its server. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { writeServiceWorker } from '../../../../../scripts/offline-site.mjs'
import { editorIn, status, type Visit } from './visit.ts'

export function offlineTests(visit: Visit): void {
  test('the site works without its server after one visit, until a new version replaces it', async () => {
    const page = await visit.exercise('01-drop', { expected: /ERR_CONNECTION_REFUSED/ })
    await page.evaluate(async () => {
      const { active } = await navigator.serviceWorker.ready
      if (active?.state === 'activating') {
        await new Promise(resolve => active.addEventListener('statechange', resolve))
      }
    })
    /** Returns the number of versions with a cache, and the state of each service worker. */
    const versions = () =>
      page.evaluate(async () => {
        const { installing, waiting, active } = await navigator.serviceWorker.ready
        return [
          (await caches.keys()).length,
          ...[installing, waiting, active].flatMap(each => each?.state ?? []),
        ]
      })
    expect(await versions()).toEqual([1, 'activated'])
    visit.site.stop()
    const ready = () => editorIn(page)
    for (const name of ['01-drop', '05-napi']) {
      await page.goto(`${visit.site.address}learn/${name}.html`)
      await ready()
      await page.getByRole('button', { name: 'Check', exact: true }).click()
      await status(page)
        .getByText(new RegExp(`^${name}: \\d+ passed, 1 failed, `))
        .waitFor()
    }

    const next = fileDirectory()
    cpSync(visit.directory, next, { recursive: true })
    const changed = join(next, 'learn/05-napi.html')
    writeFileSync(
      changed,
      readFileSync(changed, 'utf8').replace('</body>', '<p>the next version</p></body>'),
    )
    writeServiceWorker(next)
    await visit.site.listen(next)
    // Firefox complains if a page is left while it loads.
    await page.reload()
    await ready()
    await expect.poll(versions).toEqual([2, 'activated'])
    await page.reload()
    await ready()
    await page.getByText('the next version').waitFor()
    visit.site.stop()
    await page.reload()
    await ready()
    await page.getByText('the next version').waitFor()
    await visit.site.listen(visit.directory)
  })
}
