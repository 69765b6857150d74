/** `vnet web` beside a running vnet: the page, its numbers, and a command of it. */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { hasNoCarrier, untilShown } from '#support/shown-link.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { jsonLines, startVnet, stopConserved } from '#support/vnet-process.ts'
import { openFeed } from '../../served.ts'

const { own, near, far } = freshQuietNamespaces('near', 'far')

test('the page of vnet web counts the frames of a cable, and cuts the cable', async () => {
  const ends = [`${near.name}/ca`, `${far.name}/cb`]
  const addresses = ['--address', 'ca=198.18.0.1/24', '--address', 'cb=198.18.0.2/24']
  const vnet = await startVnet(['cable', ...ends, ...addresses, '--json'])
  const web = await startVnet(['web', '0', ...ends, '--json'])
  const { origin, hash } = new URL(`${jsonLines(web.stdout)[0]?.web}`)
  const token = hash.replace('#token=', '')
  const html = await (await fetch(origin)).text()
  const [, script = ''] = /<script [^>]*src="([^"]+)"/.exec(html) ?? []
  expect((await fetch(new URL(script, origin))).headers.get('content-type')).toMatch(/javascript/)

  const [response] = (await once(get(`${origin}/events?token=${token}`), 'response')) as [
    IncomingMessage,
  ]
  const feed = openFeed(response)
  const { vnets } = await feed.next('hello')
  expect(vnets).toMatchObject([{ driver: 'cable', devices: ends.map(label => ({ label })) }])
  const id = vnets[0]?.devices[0]?.id
  await pingWithoutLoss(near, '-c 5 -i 0.002 198.18.0.2')
  let sent = 0
  while (sent < 5) {
    const { devices } = await feed.next('stats')
    sent = devices.find(device => device.id === id)?.txPackets ?? 0
  }

  const command = await fetch(`${origin}/command`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ id, command: { do: 'cut' } }),
  })
  expect(await command.json()).toEqual({ ok: true })
  await untilShown(own, far, 'cb', hasNoCarrier)
  await feed.close()
  expect(await web.stop()).toMatchObject({ status: 0, stderr: '' })
  await stopConserved(vnet)
})
