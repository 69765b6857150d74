/** The live page of real vnets, in a browser: `vnet web`, in a network namespace of its own. */
import type { Locator, Page } from 'playwright-core'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Child, type Netns, OwnNetns } from '#support/netns.ts'
import { seen } from '#support/visible-lab.ts'
import { jsonLines, type Running, spawnVnet, stopConserved } from '#support/vnet-process.ts'
import { createLab } from '../../../../lab/src/index.ts'
import { connection, showView, TestBrowser, viewsOf } from '../../support/web/browser.ts'
import { findForeign } from '../../support/web/in-page.mjs'

const PORT = '8080'
/** The browser is in this namespace, so it is one for all tests. */
let netns: Netns
const own = new OwnNetns()
const browser = new TestBrowser({ netns: () => netns.name })
const children = new Set<Child>()

beforeAll(() => {
  netns = own.addQuiet()
  netns.ip('link set lo up')
  return () => own.remove()
})
beforeEach(() => children.clear())
afterEach(() => {
  for (const child of children) {
    child.kill('SIGTERM')
  }
})

/** Starts `vnet ARGS` and `vnet web PORT`. */
async function startWithPage(
  ...args: string[]
): Promise<{ vnet: Running; web: Running; address: string }> {
  const within = ['ip', 'netns', 'exec', netns.name]
  const vnet = await spawnVnet([...args, '--json'], { within })
  const web = await spawnVnet(['web', PORT, '--json'], { within })
  return { vnet, web, address: `${jsonLines(web.stdout)[0]?.web}` }
}

const ping = (args: string) => children.add(netns.spawn(`ping -q ${args} 198.18.0.2`))
const carrierOf = (name: string) => !netns.ip(`link show ${name}`).includes('NO-CARRIER')
/** The control with this text. */
const control = (page: Page, text: string) => page.locator('form.control').filter({ hasText: text })
const press = (where: Locator, name: string) =>
  where.getByRole('button', { name, exact: true }).click()
const says = (where: Locator, text: string) =>
  where.getByText(text).filter({ visible: true }).first().waitFor()

test('a page shows the parts, the rates and the frames of traffic', async () => {
  const { vnet, address } = await startWithPage('snull', '--use-napi', '--wire', 'delay 2ms')
  const page = await browser.open(address)
  await page.getByRole('heading', { name: 'sn0', level: 1 }).waitFor()
  ping('-i 0.02')
  const view = page.locator('#view')
  for (const part of ['tx 0', 'rx ring', 'irq 0', 'napi 0', 'delay 2ms']) {
    await view.getByRole('img', { name: part }).first().waitFor()
  }
  // Up to fifty a second in each direction on a quiet machine: more than none.
  await page
    .locator('nav .rate')
    .filter({ hasText: /^[1-9]\d*(\.\d)?\/s$/ })
    .first()
    .waitFor()
  await showView(page, 'Traffic')
  await view
    .getByRole('row')
    .filter({ hasText: 'ab delay' })
    .filter({ hasText: 'delay 2ms' })
    .waitFor()
  expect(await view.locator('canvas').count()).toBeGreaterThan(2)
  await showView(page, 'Frames')
  for (const text of ['ICMP echo request', 'ICMP echo reply']) {
    await says(view.getByRole('row'), text)
  }
  await view.getByRole('row').filter({ hasText: 'echo request' }).first().click()
  await says(view, 'Ethernet')
  await page.close()
  await stopConserved(vnet)
})

test('each control changes the interface like the command line it shows', async () => {
  const { vnet, address } = await startWithPage('snull', '--wire', 'delay 1ms')
  const page = await browser.open(address)
  await showView(page, 'Hands on')
  const [cable, carrier] = [control(page, 'Cable'), control(page, 'Carrier')]
  await says(cable, 'vnet cut sn0')
  await press(cable, 'Cut')
  await says(cable, 'vnet plug sn0')
  expect([carrierOf('sn0'), carrierOf('sn1')]).toEqual([false, false])
  await press(cable, 'Plug in')
  await says(cable, 'vnet cut sn0')
  await press(carrier, 'Turn off')
  await says(carrier, 'vnet carrier sn0 on')
  expect([carrierOf('sn0'), carrierOf('sn1')]).toEqual([false, true])
  await press(carrier, 'Turn on')
  await says(carrier, 'vnet carrier sn0 off')

  const lockup = control(page, 'lose the interrupt')
  await lockup.getByRole('textbox').fill('7')
  await says(lockup, 'vnet param sn0 lockup=7')
  await press(lockup, 'Set')
  await says(lockup, 'is 7')
  await lockup.getByRole('textbox').fill('seven')
  await press(lockup, 'Set')
  await says(lockup.getByRole('alert'), 'seven')

  await press(control(page, 'vnet trigger sn0 stuck'), 'Trigger')
  await says(control(page, 'vnet trigger sn0 stuck'), 'done')
  await says(control(page, 'Statistics'), 'The counts of the wire continue.')
  await press(control(page, 'Statistics'), 'Reset')
  await says(control(page, 'Statistics'), 'done')
  await page.close()
  await vnet.stop()
})

test('the wire view takes specs and presets, and shows an error under its word', async () => {
  const { vnet, address } = await startWithPage('cable', 'ca0', 'ca1', '--wire', 'delay 1ms')
  const page = await browser.open(address)
  await showView(page, 'Hands on')
  const words = page.getByLabel('Text of the wire')
  const wire = page.locator('form.control').filter({ has: words })
  await words.fill('delay 20ms losss 1%')
  const lines = (await wire.getByRole('alert').locator('pre').textContent())!.split('\n')
  const [text, carets] = lines.slice(-2)
  expect(text!.slice(carets!.indexOf('^'), carets!.lastIndexOf('^') + 1)).toBe('losss')
  await words.fill('delay 20ms loss 1%')
  await says(wire, "vnet wire ca0 'delay 20ms loss 1%'")
  await press(wire, 'Set')
  await says(page.locator('.text-now'), 'delay 20ms loss 1%')
  const lte = wire.locator('datalist option[value="preset lte"]')
  expect(await lte.getAttribute('label')).toMatch(/^ab .*delay.*; ba .*delay/)
  await words.fill('preset lte')
  await press(wire, 'Set')
  await says(page.locator('.text-now'), 'preset lte')
  await page.close()
  await stopConserved(vnet)
})

test('a ping halts before each step of its path, there and back', async () => {
  const { vnet, address } = await startWithPage('snull')
  const page = await browser.open(address)
  await showView(page, 'Step')
  const view = page.locator('#view')
  const state = view.locator('.step-state')
  await press(view, 'Halt frames s')
  await says(state, 'No frame waits')
  const pinged = netns.run('ping -c 1 -W 20 198.18.0.2')
  const there = [
    '1 of 5 at sn0',
    '2 of 5 at sn0',
    '3 of 5 at sn1',
    '4 of 5 at sn1',
    '5 of 5 at sn1',
  ]
  // The interrupt of a transmission that is complete comes before the reply.
  const back = [
    '3 of 5 at sn0',
    '1 of 5 at sn1',
    '2 of 5 at sn1',
    '3 of 5 at sn0',
    '4 of 5 at sn0',
    '5 of 5 at sn0',
  ]
  for (const step of [...there, ...back]) {
    await says(state, `Step ${step}`)
    if (step === '2 of 5 at sn0') {
      await says(view, '198.18.0.1 > 198.18.0.2: ICMP echo request')
      await says(view.locator('.step-code'), 'function startXmit')
    }
    // The network of both addresses was flipped in transit.
    if (step === '5 of 5 at sn0') {
      await says(view, '198.18.0.2 > 198.18.0.1: ICMP echo reply')
    }
    await press(view, 'Next step n')
  }
  expect(await pinged).toMatchObject({ status: 0 })
  await press(view, 'Let frames pass s')
  await says(view, 'Halt frames')
  expect(await netns.run('ping -c 1 -W 5 198.18.0.2')).toMatchObject({ status: 0 })
  await page.close()
  await stopConserved(vnet)
})

test('a page continues when its server is restarted on the same port', async () => {
  const first = await startWithPage('snull')
  const page = await browser.open(first.address, { expected: /net::ERR_/ })
  await connection(page, 'live')
  await Promise.all([stopConserved(first.vnet), first.web.stop()])
  await connection(page, 'lost')
  const second = await startWithPage('snull', '--use-napi')
  expect(second.address).toBe(first.address)
  await connection(page, 'live')
  // It may still change things: the token is the same.
  await showView(page, 'Hands on')
  await press(control(page, 'Cable'), 'Cut')
  await says(control(page, 'Cable'), 'vnet plug sn0')
  await page.close()
  await stopConserved(second.vnet)
})

test('without its token a page of a vnet shows interfaces, and changes nothing', async () => {
  const { vnet, address } = await startWithPage('snull')
  const page = await browser.open(address.replace(/#.*/, ''), { expected: /status of 401/ })
  await page.locator('header').getByText('read-only').waitFor()
  await showView(page, 'Hands on')
  await control(page, 'Cable').getByRole('button', { name: 'Cut', disabled: true }).waitFor()
  const status = await page.evaluate(
    async () => (await fetch('/command', { method: 'POST', body: '{}' })).status,
  )
  expect(status).toBe(401)
  await page.close()
  await stopConserved(vnet)
})

test('a segment of 10,000 hosts is listed and searched, and shows its peers', async () => {
  const network = ['--network', '198.18.0.0/16', '--address', '198.18.200.9/16']
  const { vnet, address } = await startWithPage(
    'lan',
    '--name',
    'lan0',
    '--hosts',
    '10000',
    ...network,
  )
  const page = await browser.open(address)
  await showView(page, 'Lan')
  const view = page.locator('#view')
  await says(view, 'gateway')
  const search = view.getByRole('searchbox').first()
  await search.fill('host7777')
  await says(view, 'host7777')
  ping('-c 1')
  await search.fill('198.18.200.9')
  await view.getByRole('button', { name: 'neighbours' }).click()
  await says(view, '198.18.200.9')
  await page.close()
  // A segment takes frames and sends its own, so those of its interface have no balance.
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
})

test('the page shows and changes an interface with markup as its name', async () => {
  const name = '<b>"\'&lt;$(x)'
  const { vnet, address } = await startWithPage('loop', '--name', name, '--no-address')
  const page = await browser.open(address)
  await page.getByRole('heading', { name, exact: true, level: 1 }).waitFor()
  for (const view of await viewsOf(page)) {
    await showView(page, view)
    expect([view, await page.evaluate(findForeign)]).toEqual([view, []])
  }
  await showView(page, 'Hands on')
  const carrier = control(page, 'Carrier')
  await press(carrier, 'Turn off')
  await says(carrier, 'Turn on')
  expect(carrierOf(name)).toBe(false)
  await page.close()
  await stopConserved(vnet)
})

test('a page draws a running lab, and opens the drawing of a link of it', async () => {
  const name = `shop-${process.pid}`
  await using lab = await createLab({ name })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: { ab: 'delay 3ms' } })
  await lab.lan({}, client, server)
  await seen(name, 4)
  const web = await spawnVnet(['web', PORT], {
    within: ['ip', 'netns', 'exec', netns.name],
    until: /#token=/,
  })
  const page = await browser.open(web.stdout.trim())
  await showView(page, 'Labs')
  const drawing = page.getByRole('figure', { name: `The links of ${name}` })
  await expect.poll(() => drawing.getByRole('link').count()).toBe(3)
  await drawing.getByRole('link', { name: 'server to lan' }).waitFor()
  await drawing.getByRole('link', { name: 'client to server' }).click()
  await page.getByRole('heading', { name: `${name}:client/server`, level: 1 }).waitFor()
  await page.locator('#view').getByRole('img', { name: 'delay 3ms' }).waitFor()
  await page.close()
  await web.stop()
})
