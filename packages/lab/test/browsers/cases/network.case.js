/** Runs with `use: { network: 'delay 1ms' }` in the configuration. */
import http from 'node:http'
import { mergeTests, test as plain } from '@playwright/test'
import { expect, test } from '@vnet/lab/playwright'

const textOf = async network => (await network.stats()).ab.text

test('has the link of the configuration', async ({ network }) => {
  expect(await textOf(network)).toBe('delay 1ms')
})

test.describe('test.use()', () => {
  test.use({ network: 'delay 2ms' })

  test('sets the link, which a test changes', async ({ page, network }) => {
    expect(page.url()).toBe('about:blank')
    expect(await textOf(network)).toBe('delay 2ms')
    await network.wire('loss 5%')
    expect(await textOf(network)).toBe('loss 5%')
  })

  test.describe('of undefined', () => {
    test.use({ network: undefined })
    test('returns to the configuration', async ({ network }) =>
      expect(await textOf(network)).toBe('delay 1ms'))
  })

  test.describe('of options', () => {
    test.use({ network: { wire: { ab: 'delay 3ms' } } })
    test('sets the link', async ({ network }) => expect(await textOf(network)).toBe('delay 3ms'))
  })
})

const extended = test.extend({ network: 'delay 4ms', answer: 42 })
extended('test.extend() sets the link', async ({ network, answer }) => {
  expect([await textOf(network), answer]).toEqual(['delay 4ms', 42])
})
extended.describe('test.use() of an extended test', () => {
  extended.use({ network: 'delay 5ms' })
  extended('sets the link', async ({ network }) => expect(await textOf(network)).toBe('delay 5ms'))
})

const changing = test.extend({
  network: async ({ network }, use) => {
    await network.wire('delay 6ms')
    await use(network)
  },
})
changing('a fixture passes on the link that it has changed', async ({ network, client }) => {
  expect(await textOf(network)).toBe('delay 6ms')
  expect(client.name).toBe('browser')
})

const merged = mergeTests(plain.extend({ answer: 42 }), test)
merged('a merged test has the link', async ({ network, answer }) => {
  expect([await textOf(network), answer]).toEqual(['delay 1ms', 42])
})
merged.describe('test.use() for a merged test', () => {
  test.use({ network: 'delay 7ms' })
  merged('sets the link', async ({ network }) => expect(await textOf(network)).toBe('delay 7ms'))
})

test('offline() is an event of the page, and ends', async ({ page, server, network }) => {
  const text = `<script>
    const events = []
    for (const event of ['offline', 'online']) addEventListener(event, () => events.push(event))
  </script>`
  const site = http.createServer((_, response) =>
    response.setHeader('Content-Type', 'text/html').end(text),
  )
  await server.listen(site, 8080)
  await page.goto('http://server:8080/')
  await network.offline(500)
  await expect.poll(() => page.evaluate('events')).toEqual(['offline', 'online'])
})
