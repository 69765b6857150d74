/** `vnet conform` with lwIP and gVisor's netstack: the cases that must pass, and fail. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { OwnNetns, outcome } from '#support/netns.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const SOURCES = fileURLToPath(new URL('.', import.meta.url))
const own = new OwnNetns()
afterEach(() => own.remove())

const STACKS = [
  {
    name: 'lwIP',
    build: `cc -O2 -o stack ${SOURCES}lwip.c ${SOURCES}lwip_control.c $(pkg-config --cflags --libs lwip)`,
    args: ['192.0.2.2', '255.255.255.0', '192.0.2.1'],
    fails: `
      icmp-error-about-broadcast-frame ipv4-destination-loopback fragments-protocol
      last-ack-fin-repeated simultaneous-open syn-sent-close syn-received-wrong-ack
      syn-received-reset closed-port-ack listener-ack no-ack-flag
      last-ack-reset tcp-fragments listening-ack
      handshake-wrong-ack handshake-reset echo-no-ack-flag rst
      close-then-reset udp-length-short udp-length-beyond`,
  },
  {
    name: "gVisor's netstack",
    build: `GO111MODULE=off GOPATH=/usr/share/gocode go build -o stack ${SOURCES}gvisor.go ${SOURCES}gvisor_control.go`,
    args: ['192.0.2.2/24', '192.0.2.1'],
    fails: `
      icmp-error-about-broadcast-frame last-ack-fin-repeated simultaneous-open paws
      paws-handshake reset-in-window ack-of-unsent
      option-timestamps-old ack-of-what-was-not-sent rst-in-window window-shrunk-to-part
      time-wait-old-syn window-of-a-late-segment`,
  },
]

test.each(STACKS)(
  '$name passes all that must pass, but these',
  { timeout: 600_000 },
  async ({ build, args, fails }) => {
    const directory = testDirectory()
    const netns = own.add()
    netns.ip('link set lo up', 'tuntap add tap0 mode tap', 'link set tap0 up')
    expect(await outcome(netns.spawn(['sh', '-ec', `cd ${directory}; ${build}`]))).toMatchObject({
      status: 0,
    })
    await once(netns.spawn([`${directory}/stack`, 'tap0', ...args, '7000']).stdout, 'data')
    const options = [
      '--address',
      '192.0.2.2',
      '--control',
      '7000',
      '--captures',
      directory,
      '--json',
    ]
    const { stdout } = await outcome(
      netns.spawn([process.execPath, PROGRAM, 'conform', 'tap0', ...options]),
    )
    const results = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const failed = results.filter(({ result, level }) => result === 'failed' && level === 'must')
    // The call of a program may overtake the segment with its window in netstack.
    const names = failed.map(({ name }) => name).filter(name => name !== 'window-scaled')
    expect(names).toEqual(fails.trim().split(/\s+/))
    expect(results.at(-1).passed).toBeGreaterThan(200)
  },
)
