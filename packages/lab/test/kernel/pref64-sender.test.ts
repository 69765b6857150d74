/** Router advertisements with the prefix of a NAT64, from a router's namespace. */
import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { loadNative } from '#src/linux/native.ts'
import { captureFrames } from '#support/capture.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { advertisePref64 } from '../../src/carrier/pref64-sender.ts'

const { router, host } = freshNamespaces('router', 'host')

/** The ICMPv6 message of a frame. */
const MESSAGE_AT = 14 + 40
const ADVERT = 134
/** RFC 8781: the option of 16 bytes, a lifetime of 1800 s and a prefix of 96 bits, 64:ff9b::. */
const PREF64 = '26020708' + '0064ff9b0000000000000000'

test('a router advertises the prefix to a host that asks', async () => {
  const native = loadNative()
  // Their link-local addresses are valid immediately.
  for (const each of [router, host]) {
    await each.run('sysctl -q -w net.ipv6.conf.default.accept_dad=0')
  }
  // Only then it hears what is for all routers.
  await router.run('sysctl -q -w net.ipv6.conf.all.forwarding=1')
  router.ip(`link add out type veth peer name in netns ${host.name}`)
  host.ip('link set in up')
  router.ip('link set out up')
  const seen = await captureFrames(host, 'in', '-Q in icmp6')
  const nsfd = openSync(`/run/netns/${router.name}`, 'r')
  const clock = new TimerfdClock(native)
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1)
  const stop = advertisePref64({ native, nsfd }, { clock, random: random(1), name: 'out', mac })
  const isAdvert = (frame: Uint8Array) => frame[MESSAGE_AT] === ADVERT
  const { status, stdout } = await host.run('rdisc6 -1 -r 20 in')
  expect([status, stdout]).toEqual([0, expect.stringMatching(/Router lifetime\s*:\s*1800/)])
  const advert = await seen.until(isAdvert)
  expect(Buffer.from(advert).toString('hex')).toContain(PREF64)
  stop()
  await clock[Symbol.asyncDispose]()
  closeSync(nsfd)
  await seen.stop()
})
