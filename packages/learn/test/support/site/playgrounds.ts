/** Tests of the playground. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { picture, type Visit } from './visit.ts'

export function playgroundTests(visit: Visit): void {
  test('the controls of the playground are on the first screen of a phone', async () => {
    const viewport = { width: 400, height: 800 }
    const page = await visit.page('playground.html', { viewport })
    const last = page.getByRole('button', { name: 'Download pcapng' })
    await last.waitFor()
    const { y, height } = (await last.boundingBox())!
    expect(y + height).toBeLessThan(viewport.height)
  })

  test('the playground loses frames on a wire, reports a ping, and saves a capture', async () => {
    const page = await visit.page('playground.html')
    await picture(page).waitFor()
    await page.getByRole('button', { name: 'loss 50%' }).click()
    await page.getByRole('button', { name: 'Ping' }).click()
    await page.getByRole('log').getByText('5 sent').waitFor()
    await page.getByRole('link', { name: 'Frames', exact: true }).click()
    await page
      .getByRole('row', { name: /stage 1 loss 50%/ })
      .first()
      .waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download pcapng' }).click(),
    ])
    expect(readFileSync(await download.path()).readUInt32LE()).toBe(0x0a0d0d0a)
  })
}
