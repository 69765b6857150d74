/** The filter of the step view in a browser, with a server that fakes its vnets. */
import { expect, test } from 'vitest'
import type { StepInfo } from '../../../src/web/feed-types.ts'
import { connection, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()

test('steps of frames that the filter does not pass run by themselves, once each', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 0, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#step/${SNULL}`)
  await connection(page, 'live')
  const field = page.getByLabel('Halt only')
  const halt = (text: string) => {
    const frame = { length: 60, text, headers: [], bytes: '' }
    const step: StepInfo = { id: SNULL, step: 2, next: 'ndoStartXmit', queue: 0, frame, source: undefined }
    return feed.send({ type: 'step', id: SNULL, mode: 'on', step })
  }
  const frame = page.locator('.step-frame')
  await field.fill('(')
  await page
    .getByRole('alert')
    .getByText(/^At character 2/)
    .waitFor()
  await field.fill('ICMP')
  await halt('IP 198.18.0.1 > 198.18.0.2: ICMP echo request')
  await frame.getByText('ICMP echo request').waitFor()
  expect(feed.commands).toEqual([])
  await halt('ARP, Request who-has 198.18.0.2')
  // The fake vnet does not step, which it reports after the command.
  await page.getByText(/^Frames pass\./).waitFor()
  const next = { id: SNULL, command: { do: 'step', mode: 'next' } }
  expect(feed.commands).toEqual([next])
  await field.fill('')
  await halt('ARP, Reply 198.18.0.2')
  await frame.getByText('ARP, Reply').waitFor()
  expect(feed.commands).toEqual([next])
})
