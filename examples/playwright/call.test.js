import { spawnSync } from 'node:child_process'
import { expect, test } from '@vnet/lab/playwright'
import { call, onlyIPv4, openPeer, startTurn, statsOf } from './peer.js'

const HAS_TURN = spawnSync('turnserver', ['--version']).error === undefined
/** A camera and a microphone of Chromium's, and no question for them. */
const FAKE = { args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] }

test('a video call between two symmetric NATs takes the TURN server', async ({
  lab,
  browserIn,
}) => {
  test.skip(!HAS_TURN, 'apt install coturn')
  const [alice, bob, turn] = lab.hosts('alice', 'bob', 'turn')
  const internet = await lab.router('internet', { inside: [turn] })
  await lab.router('home', { inside: [alice], outside: internet, nat: 'symmetric' })
  await lab.router('office', { inside: [bob], outside: internet, nat: 'symmetric' })
  const config = startTurn(turn, [alice, bob])
  await Promise.all([alice, bob].map(onlyIPv4))
  const [from, to] = await Promise.all(
    [alice, bob].map(async host => openPeer(host, await browserIn(host, FAKE))),
  )

  await call(from, to, config, { audio: true, video: true })

  for (const page of [from, to]) {
    const hasPicture = () => page.evaluate(() => document.querySelector('video').videoWidth > 0)
    await expect.poll(hasPicture).toBe(true)
    expect((await statsOf(page)).types).toContain('relay')
  }
})
