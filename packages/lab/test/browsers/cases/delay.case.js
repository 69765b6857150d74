import { expect, test } from '@vnet/lab/playwright'
import { call, openPeer, statsOf } from './peer.js'

test('the round trip of a data channel is the delay of the wire, there and back', async ({
  lab,
  browserIn,
}) => {
  const [alice, bob] = lab.hosts('alice', 'bob')
  await lab.cable(alice, bob, { wire: 'delay 200ms' })
  const [from, to] = await Promise.all(
    [alice, bob].map(async host => openPeer(host, await browserIn(host))),
  )

  await call(from, to)

  const byMessage = await from.evaluate(async () => {
    if (channel.readyState !== 'open') {
      await new Promise(resolve => {
        channel.onopen = resolve
      })
    }
    const sent = performance.now()
    const received = new Promise(resolve => {
      channel.onmessage = resolve
    })
    channel.send('ping')
    await received
    return performance.now() - sent
  })
  const byStats = Math.round((await statsOf(from)).pair.currentRoundTripTime * 1000)
  console.log(`round trip: ${byStats} ms by getStats(), ${byMessage} ms by a message`)
  // The wire delivers no packet earlier. A busy machine adds to both.
  expect(Math.min(byStats, byMessage)).toBeGreaterThanOrEqual(400)
})
