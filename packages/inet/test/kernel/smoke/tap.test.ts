/** A host in memory on a TAP: Linux pings it, and they exchange bytes by TCP and UDP. */
import { readSync, writeSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { TimerfdClock } from '#src/linux/clock.ts'
import { startPoller } from '#src/linux/errno.ts'
import type { Poller } from '#src/linux/native.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { pingAll } from '#support/traffic.ts'
import { InetHost, type TcpConnection } from '../../../src/index.ts'

const { own, netns } = freshQuietNamespaces('netns')
let clock: TimerfdClock
let host: InetHost
let poller: Poller

beforeEach(() => {
  const [tap] = own.tap(netns, 'tap0') as [number]
  netns.ip('link set tap0 up', 'addr add 198.18.1.2/24 dev tap0')
  clock = new TimerfdClock(own.native)
  host = new InetHost({ clock, random: random(1) })
  const eth0 = host.addInterface({
    name: 'eth0',
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    mtu: 1500,
    transmit: frame => void writeSync(tap, frame),
  })
  eth0.addAddress('198.18.1.1/24')
  const frame = new Uint8Array(2000)
  poller = startPoller(own.native, tap, () => eth0.receive(frame, 0, readSync(tap, frame)))
})

afterEach(async () => {
  poller.close()
  host.close()
  await clock[Symbol.asyncDispose]()
})

/** Runs a script of bash in the namespace of Linux, which must succeed. Returns its output. */
async function bash(script: string): Promise<string> {
  const { status, stdout, stderr } = await outcome(netns.spawn(['bash', '-ec', script]))
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** Sends back what arrives, until its end. */
function echo(connection: TcpConnection): void {
  const pass = () => {
    for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
      if (bytes === null) return connection.close()
      connection.write(bytes)
    }
  }
  connection.events = { onConnect() {}, onReadable: pass, onWritable() {}, onError() {} }
}

test('Linux pings the host, also with fragments, and gets echoes by TCP and UDP', async () => {
  await pingAll(netns, '-c 3 -i 0.002 198.18.1.1')
  await pingAll(netns, '-c 2 -i 0.002 -s 5000 198.18.1.1')
  host.tcp.listen({ address: undefined, port: 7 }, 1, echo)
  const sent = 'seq 1 3000 | head -c 10000'
  const there = `exec 3<>/dev/tcp/198.18.1.1/7; ${sent} >&3`
  expect(await bash(`${there}; head -c 10000 <&3`)).toBe(await bash(sent))
  const socket = host.udp.bind(
    { address: undefined, family: 4, port: 7 },
    { onMessage: (data, from) => void socket.send(data, from), onError() {} },
  )
  const line = await bash('exec 3<>/dev/udp/198.18.1.1/7; echo hello >&3; head -c 6 <&3')
  expect(line).toBe('hello\n')
  await expect(bash('exec 3<>/dev/tcp/198.18.1.1/9')).rejects.toThrow('Connection refused')
})
