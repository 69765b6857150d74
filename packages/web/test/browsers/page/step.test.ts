/** The filter of the step view in a browser, with a server that fakes its vnets. */
import { expect, test } from 'vitest'
import type { StepInfo } from '../../../src/feed-types.ts'
import { connection, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { arp, ping } from '../../support/web/fake-frames.mjs'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()

test('steps of frames that the filter does not pass run by themselves, once each', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 0, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#step/${SNULL}`)
  await connection(page, 'live')
  const field = page.getByLabel('Halt only')
  const steps = () => feed.commands.filter(({ command }) => command.do === 'step')
  const halt = (frame: StepInfo['frame']) => {
    const where = { id: SNULL, step: 2, next: 'ndoStartXmit', queue: 0, count: 7 } as const
    const step: StepInfo = { ...where, frame, source: undefined }
    return feed.send({ type: 'step', id: SNULL, mode: 'on', step })
  }
  const frame = page.locator('.step-frame')
  await field.fill('(')
  await page.getByRole('alert').getByText("filter '(': syntax error").waitFor()
  await field.fill('icmp')
  await page.getByText('Steps of other frames').waitFor()
  await halt(ping(0, 1))
  await frame.getByText('ICMP echo request').waitFor()
  expect(steps()).toEqual([])
  await halt(arp(0))
  // The fake vnet does not step, which it reports after the command.
  await page.getByText(/^Frames pass\./).waitFor()
  const next = { id: SNULL, command: { do: 'step', mode: 'next', count: 7 } }
  expect(steps()).toEqual([next])
  await field.fill('')
  await halt(arp(1))
  await frame.getByText('tell 198.18.0.2').first().waitFor()
  expect(steps()).toEqual([next])
  await page.getByRole('combobox', { name: 'Direction' }).selectOption('rx')
  await expect.poll(() => steps().length).toBe(2)
})

test('bytes that the driver changed are marked in the dump, up to the end of the path', async () => {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 0, hosts: 0, hostile: false }))
  const page = await browser.open(`${address}#step/${SNULL}`)
  await connection(page, 'live')
  const marks = page.locator('.step-frame mark')
  const halt = async (step: StepInfo['step'], text: string, bytes?: string) => {
    const frame = bytes === undefined ? undefined : { length: 20, text, headers: [], bytes }
    const where = { id: SNULL, next: 'x', queue: 0, count: step, source: undefined } as const
    await feed.send({ type: 'step', id: SNULL, mode: 'on', step: { ...where, step, frame } })
    await page
      .locator('.step-frame')
      .getByText(frame ? text : 'The frame is')
      .first()
      .waitFor()
  }
  await halt(2, 'given', '00112233445566778899aabbccddeeff01020304')
  expect(await marks.allTextContents()).toEqual([])
  await halt(3, 'changed', '00112233445566770099aabbccddeeff0102aa04')
  expect(await marks.allTextContents()).toEqual(['00', 'aa'])
  await halt(4, 'received', '00112233445566770099aabbccddeeff0102aa04')
  expect(await marks.allTextContents()).toEqual(['00', 'aa'])
  expect(await page.locator('.step-frame pre').textContent()).toContain('0010  01 02 aa 04')
  await halt(1, '')
  await halt(2, 'next', '00112233445566770099aabbccddeeff0102aa04')
  expect(await marks.allTextContents()).toEqual([])
})
