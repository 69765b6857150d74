import { expect, test } from '@vnet/lab/playwright'
import { call, onlyIPv4, openPeer, statsOf } from './peer.js'

const FAKE = { args: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] }
/** RTP with Opus, which Chromium does not retransmit; STUN, DTLS and RTCP are other packets. */
const RTP = 'udp[8] & 0xc0 = 0x80 and udp[9] & 0x7f = 111'

test('a receiver misses as many packets of audio as the wire has dropped', async ({
  lab,
  browserIn,
}) => {
  const [alice, bob] = lab.hosts('alice', 'bob')
  const link = await lab.cable(alice, bob)
  // Filters read the bytes of UDP in IPv4 only.
  await Promise.all([alice, bob].map(onlyIPv4))
  const [from, to] = await Promise.all(
    [alice, bob].map(async host => openPeer(host, await browserIn(host, FAKE))),
  )
  await call(from, to, {}, { audio: true })
  const audio = async () => {
    const found = (await statsOf(to)).report.find(
      ({ type, kind }) => type === 'inbound-rtp' && kind === 'audio',
    )
    return found ?? { packetsReceived: 0, packetsLost: 0 }
  }
  const received = async () => (await audio()).packetsReceived
  await expect.poll(received).toBeGreaterThan(0)

  await link.ab.wire(`match "${RTP}" (loss 10%)`)
  const before = await received()
  await expect.poll(received).toBeGreaterThan(before + 500)
  await link.ab.wire('')
  // A packet is missed when a later one arrives.
  const { packetsReceived } = await audio()
  await expect.poll(received).toBeGreaterThan(packetsReceived + 50)

  const { ab } = await link.stats()
  const dropped = ab.former.reduce((sum, stage) => sum + stage.dropped, 0)
  const { packetsLost } = await audio()
  console.log(`audio: ${packetsLost} lost by getStats(), ${dropped} dropped by the wire`)
  expect(dropped).toBeGreaterThan(20)
  expect(Math.abs(packetsLost - dropped)).toBeLessThanOrEqual(1)
})
