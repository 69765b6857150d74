/** Tests of the playground. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { picture, type Visit } from './visit.ts'

export function playgroundTests(visit: Visit): void {
  test('what changes the picture, and its start, are on the first screen of a phone', async () => {
    const viewport = { width: 400, height: 800 }
    const page = await visit.page('playground.html', { viewport })
    await picture(page).waitFor()
    const last = (await page.getByRole('button', { name: 'off', exact: true }).boundingBox())!
    const { y } = (await picture(page).boundingBox())!
    expect(last.y + last.height).toBeLessThan(y)
    expect(y).toBeLessThan(viewport.height - 200)
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
