/** What someone types or chooses in a view, with a server that fakes its vnets. */
import { expect, test } from 'vitest'
import { connection, showView, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { CABLE, FakeWorld, LAN, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()

/** Opens a view of a device, as in `hands-on/4711//sn0`. */
async function open(place: string, hosts = 0) {
  const { feed, address } = await startFeed(new FakeWorld({ devices: 2, hosts, hostile: false }))
  const page = await browser.open(`${address}#${place}`, { expected: /net::ERR_FAILED/ })
  await connection(page, 'live')
  return { feed, page }
}

test('Hands on keeps what is typed while another view is shown, until another interface is selected', async () => {
  const { page } = await open(`hands-on/${SNULL}`)
  const fields = [
    page.locator('#wire-text'),
    page.locator('#param-lockup'),
    page.locator('#wire-direction'),
  ]
  const queue = page.getByLabel('Queue')
  const values = () => Promise.all([...fields, queue].map(field => field.inputValue()))
  const [wire, param, direction] = fields as [typeof queue, typeof queue, typeof queue]
  await wire.fill('delay 7ms')
  await direction.selectOption('ba')
  await param.fill('9')
  await queue.selectOption('1')
  await showView(page, 'Traffic')
  await wire.waitFor({ state: 'detached' })
  await showView(page, 'Hands on')
  await wire.waitFor()
  expect(await values()).toEqual(['delay 7ms', '9', 'ba', '1'])
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link', { name: 'sn1' })
    .click()
  await page.getByRole('heading', { name: 'sn1', level: 1 }).waitFor()
  await expect.poll(values).toEqual(['', '0', '', ''])
})

test('a parameter that is set no longer keeps what was typed', async () => {
  const { feed, page } = await open(`hands-on/${SNULL}`)
  const lockup = page.locator('form.control').filter({ has: page.locator('#param-lockup') })
  await lockup.getByRole('textbox').fill('9')
  await lockup.getByRole('button', { name: 'Set' }).click()
  await lockup.getByRole('status').getByText('done').waitFor()
  feed.world.command(SNULL, { do: 'param', name: 'lockup', value: '5' })
  await feed.send(feed.world.params(SNULL))
  await expect.poll(() => lockup.getByRole('textbox').inputValue()).toBe('5')
})

test('Lan keeps its list and its search while another view is shown', async () => {
  const { page } = await open(`lan/${LAN}`, 20)
  const search = page.getByRole('searchbox', { name: 'Search the lists' })
  await page.getByRole('button', { name: /^leases/ }).click()
  await search.fill('laptop')
  await showView(page, 'Traffic')
  await search.waitFor({ state: 'detached' })
  await showView(page, 'Lan')
  await page.getByRole('table', { name: 'leases' }).waitFor()
  expect(await search.inputValue()).toBe('laptop')
})

test('Step keeps the time after which frames continue while another view is shown', async () => {
  const { page } = await open(`step/${SNULL}`)
  const time = page.getByLabel('Goes on by itself')
  await time.selectOption({ index: 2 })
  const chosen = await time.inputValue()
  await showView(page, 'Traffic')
  await time.waitFor({ state: 'detached' })
  await showView(page, 'Step')
  expect([chosen === '0', await time.inputValue()]).toEqual([false, chosen])
})

test('a line that is switched off in a plot remains so while another view is shown', async () => {
  const { feed, page } = await open(`traffic/${CABLE}`)
  for (let i = 0; i < 3; i++) {
    await feed.second(0)
  }
  const line = page.locator('.plot').filter({ hasText: 'Throughput' }).getByRole('button').first()
  await line.click()
  await expect.poll(() => line.getAttribute('aria-pressed')).toBe('false')
  await showView(page, 'Hands on')
  await line.waitFor({ state: 'detached' })
  await showView(page, 'Traffic')
  expect(await line.getAttribute('aria-pressed')).toBe('false')
})

test('setting the wire replaces the error of an earlier check that the server did not get', async () => {
  const { feed, page } = await open(`hands-on/${SNULL}`)
  const wire = page.locator('form.control').filter({ has: page.locator('#wire-text') })
  const text = wire.getByLabel('Text of the wire')
  const error = wire.getByRole('alert')
  await page.route('**/command?*', route => route.abort())
  await text.fill('delay 7ms')
  await error.getByText('The server does not answer').waitFor()
  expect(await text.getAttribute('aria-invalid')).toBe('true')
  await page.unroute('**/command?*')
  await wire.getByRole('button', { name: 'Set' }).click()
  await wire.getByRole('status').getByText('done').waitFor()
  expect([await error.isVisible(), await text.getAttribute('aria-invalid')]).toEqual([
    false,
    'false',
  ])
  expect(feed.commands).toEqual([{ id: SNULL, command: { do: 'wire', text: 'delay 7ms' } }])
})

test('the present text that is put into the field of the wire is not shown as done', async () => {
  const { page } = await open(`hands-on/${SNULL}`)
  const wire = page.locator('form.control').filter({ has: page.locator('#wire-text') })
  const done = wire.getByRole('status')
  await wire.getByLabel('Text of the wire').fill('delay 7ms')
  await wire.getByRole('button', { name: 'Set' }).click()
  await done.getByText('done').waitFor()
  await page.getByRole('button', { name: 'Edit the text of ba' }).click()
  await expect.poll(() => done.innerText()).toBe('')
})

test('a text of the wire is checked again after its direction is changed', async () => {
  const { page } = await open(`hands-on/${SNULL}`)
  const wire = page.locator('form.control').filter({ has: page.locator('#wire-text') })
  const error = wire.getByRole('alert').getByText('unknown stage losss')
  await wire.getByLabel('Text of the wire').fill('losss 1%')
  await error.waitFor()
  await page.locator('#wire-direction').selectOption('ba')
  await wire.getByText('--wire-ba').waitFor()
  await error.waitFor()
})
