/** `vnet web` as a command: what it prints, where it listens, how it ends. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { runMain, startMain } from '#support/run-main.ts'

test('vnet web prints its URL with a token, serves the page until it is ended, and exits 0', async () => {
  const web = startMain('web', '0', '--host', 'lab.example', '--host', 'Other.Example')
  await web.until(text => text.includes('\n'))
  const url = web.text.stdout.trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{32}$/)
  const reply = await fetch(url)
  expect(reply.status).toBe(200)
  expect(await reply.text()).toContain('<title>vnet</title>')
  const metrics = url.replace('/#', '/metrics?')
  expect((await fetch(metrics)).status).toBe(200)
  expect((await fetch(metrics.replace(/=.*/, '=x'))).status).toBe(403)
  expect(await web.end()).toMatchObject({ status: 0, stderr: '' })
  await expect(fetch(url)).rejects.toThrow()
})

test.each(['web', 'metrics'])('vnet %s --json prints its URL in an object', async name => {
  const web = startMain(name, '0', '--json')
  await web.until(text => text.includes('\n'))
  const ready = { event: 'ready', [name]: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/\S+/) }
  expect(JSON.parse(web.text.stdout)).toEqual(ready)
  await web.end()
})

test('vnet web serves interfaces that do not exist yet, and says so', async () => {
  const web = startMain('web', '0', 'nope0')
  await web.until(() => web.text.stderr.includes('\n'))
  expect(web.text.stderr).toMatch(
    /^vnet: no (vnet is running|interface is called nope0).*; the page shows .* later\n$/,
  )
  expect(await web.end()).toMatchObject({ status: 0 })
})

test('vnet web takes an address and a port, and refuses anything else', async () => {
  for (const address of ['x', '8080x', 'localhost:8080', '70000']) {
    const { status, stderr } = await runMain('web', address)
    expect([address, status]).toEqual([address, 2])
    expect(stderr).toContain(`'${address}' is not [ADDR:]PORT`)
  }
})

test('vnet web prints one line and exits 1 if the address is in use', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo
  const { status, stderr } = await runMain('web', `${port}`)
  other.close()
  const expected = `vnet: 127.0.0.1 port ${port}: address in use; port 0 takes a free one\n`
  expect({ status, stderr }).toEqual({ status: 1, stderr: expected })
})

test('vnet web at an address that no interface has prints one line', async () => {
  const { status, stderr } = await runMain('web', '192.0.2.77:0')
  const expected =
    'vnet: 192.0.2.77 port 0: address not available here; no interface has this address\n'
  expect({ status, stderr }).toEqual({ status: 1, stderr: expected })
})
