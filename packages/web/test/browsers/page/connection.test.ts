/** The page without a server, without a token, and with a wrong one. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { connection, startFeed, TestBrowser } from '../../support/web/browser.ts'
import { FakeFeed, TOKEN } from '../../support/web/fake-feed.mjs'
import { FakeWorld, SNULL } from '../../support/web/fake-world.mjs'

const browser = new TestBrowser()
const small = () => new FakeWorld({ devices: 2, hosts: 0, hostile: false })

test('a page says that its server has ended, and continues when the server is back', async () => {
  const { feed, address } = await startFeed(small())
  const page = await browser.open(address, { expected: /net::ERR_/ })
  await connection(page, 'live')
  const { port } = new URL(address)
  await feed.close()
  await connection(page, 'lost')
  // The same vnet, started again: another process, and one interface more.
  const again = new FakeFeed(new FakeWorld({ devices: 3, hosts: 0, hostile: false }))
  await again.listen(Number(port))
  await page.getByRole('link', { name: 'loop2' }).waitFor()
  await connection(page, 'live')
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('sn0')
  await page.close()
  await again.close()
})

test('a page without its server is grey, and tries again by itself', async () => {
  const { feed, address } = await startFeed(small())
  const page = await browser.open(address, { expected: /net::ERR_/ })
  await connection(page, 'live')
  const filter = () =>
    page.locator('#view').evaluate(view => view.computedStyleMap().get('filter')?.toString())
  expect(await filter()).toBe('none')
  await feed.close()
  await page.getByRole('status').getByText('The page tries again every few seconds.').waitFor()
  // Greyed: text that is paler would be hard to read.
  expect(await filter()).toBe('grayscale(1)')
  await page.waitForRequest(/proof/)
})

test('a page with a wrong token says what to do, and shows only public data', async () => {
  const { address } = await startFeed(small())
  const page = await browser.open(address.replace(TOKEN, 'other'))
  await connection(page, 'foreign')
  await page.getByText('does not have the token of this page').waitFor()
  await page.getByText('Open the address that vnet printed').waitFor()
  expect(await page.locator('#view').innerText()).toBe('')
  expect(await page.getByRole('navigation', { name: 'Interfaces' }).getByRole('link').count()).toBe(
    0,
  )
})

test('a program that takes the port of an ended server gets nothing that a server accepts', async () => {
  const { feed, address } = await startFeed(small())
  const page = await browser.open(`${address}#hands-on/${SNULL}`, {
    expected: /net::ERR_|status of 404/,
  })
  await connection(page, 'live')
  expect(page.url()).not.toContain(TOKEN)
  const { port } = new URL(address)
  await feed.close()
  const heard: string[] = []
  const thief = createServer(async (request, response) => {
    let text = `${request.method} ${request.url} ${JSON.stringify(request.headers)}`
    for await (const chunk of request) {
      text += chunk
    }
    heard.push(text)
    const isProof = request.url?.startsWith('/proof')
    response.writeHead(isProof ? 200 : 404, { 'content-type': 'application/json' })
    response.end(isProof ? '{"proof":"0","nonce":"n"}' : '{}')
  }).listen(Number(port), '127.0.0.1')
  await connection(page, 'foreign')
  const reset = page.locator('form.control').filter({ hasText: 'vnet reset sn0' })
  await reset.getByRole('button', { name: 'Reset' }).click()
  await expect.poll(() => heard.find(text => text.startsWith('POST /command'))).toBeDefined()
  const [, key] = /token=([0-9a-f]{64}) /.exec(heard.join(' ')) ?? []
  expect([key?.length, heard.filter(text => text.includes(TOKEN))]).toEqual([64, []])
  thief.close()
  thief.closeAllConnections()
  await once(thief, 'close')
  const again = new FakeFeed(small())
  await again.listen(Number(port))
  await connection(page, 'live')
  const body = JSON.stringify({ id: SNULL, command: { do: 'reset' } })
  const stolen = await fetch(`http://127.0.0.1:${port}/command?token=${key}`, {
    method: 'POST',
    body,
  })
  expect([stolen.status, again.commands]).toEqual([403, []])
  await reset.getByRole('button', { name: 'Reset' }).click()
  await expect.poll(() => again.commands).toHaveLength(1)
  // Who reloads may load the page of a stranger: it finds no token.
  await page.reload()
  await page.locator('header').getByText('read-only').waitFor()
  await page.goto(`http://127.0.0.1:${port}/#token=${TOKEN}`)
  await expect.poll(() => page.locator('header').innerText()).not.toContain('read-only')
  await page.close()
  await again.close()
})

test('a page without a token shows public data, and changes nothing', async () => {
  const { feed, address } = await startFeed(small())
  const page = await browser.open(address.replace(/#.*/, ''))
  await page.locator('header').getByText('read-only').waitFor()
  await page
    .getByRole('navigation', { name: 'Interfaces' })
    .getByRole('link', { name: 'sn1' })
    .click()
  await page.getByRole('heading', { name: 'sn1', level: 1 }).waitFor()
  await page.goto(`${new URL(page.url()).origin}/#hands-on`)
  await page.locator('form.control').first().waitFor()
  for (const button of await page.locator('#view').getByRole('button').all()) {
    if (!/^Copy/.test((await button.textContent()) ?? '')) {
      expect(await button.isDisabled()).toBe(true)
    }
  }
  expect(feed.commands).toEqual([])
})

test('a change that the server refuses, or does not get, is an error beside its control', async () => {
  const { feed, address } = await startFeed(small())
  const page = await browser.open(`${address}#hands-on/${SNULL}`, { expected: /net::ERR_/ })
  const reset = page.locator('form.control').filter({ hasText: 'vnet reset sn0' })
  const press = () => reset.getByRole('button', { name: 'Reset' }).click()
  await reset.waitFor()
  feed.change = message =>
    ('ok' in Object(message) ? { ok: false, message: 'sn0: EPERM <b>no</b>' } : message) as never
  await press()
  await reset.getByRole('alert').getByText('sn0: EPERM <b>no</b>').waitFor()
  expect(feed.commands).toEqual([{ id: SNULL, command: { do: 'reset' } }])
  await feed.close()
  await connection(page, 'lost')
  await press()
  await reset.getByRole('alert').getByText('The server does not answer').waitFor()
})
