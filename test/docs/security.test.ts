/** docs/security*.md: their limits match the code. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { STRANGERS, TURN_NS } from '#src/base/turns.ts'
import { VNET_WIRE_ATTACHMENTS_MAX } from '#src/control/protocol/family.ts'
import { readPages } from '#support/pages.ts'

const docs = new URL('../../docs/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, docs), 'utf8')
const page = readPages(
  'docs/security.md',
  'docs/security-users.md',
  'docs/security-programs.md',
  'docs/security-requests.md',
  'docs/security-services.md',
).replace(/\s+/g, ' ')

/** Returns the value of a constant in a source file. */
function constant(file: string, name: string): number {
  const [, value] = new RegExp(`const ${name} = ([\\d_ *]+)`).exec(read(`../src/${file}`)) ?? []
  expect(value, `${name} in ${file}`).toBeDefined()
  return (value ?? '')
    .split('*')
    .reduce((product, factor) => product * Number(factor.trim().replaceAll('_', '')), 1)
}

test('the limits of a host on a TAP match the code', () => {
  const limits = /LIMITS = \{ acceptedMax: (\d+), acceptedOfPeerMax: (\d+) \}/
  const [, all, ofPeer] = limits.exec(read('../packages/lab/src/kernel/tap-world.ts')) ?? []
  expect(page).toContain(
    `${Number(all).toLocaleString('en')} TCP connections to it, ${ofPeer} from one address`,
  )
  const inet = (file: string, name: string) => constant(`../packages/inet/src/${file}`, name)
  expect(page).toContain(
    `at most ${inet('tcp/receive.ts', 'MAX_WINDOW') / 2 ** 20} MiB of received bytes`,
  )
  expect(page).toContain(`and ${inet('tcp/send.ts', 'MAX_BUFFER') / 2 ** 20} MiB of bytes to send`)
  expect(page).toContain(`together ${inet('ip/reassembly.ts', 'MAX_BYTES') / 2 ** 20} MiB`)
  expect(page).toContain(
    `${inet('ip/neighbours.ts', 'ENTRIES_MAX').toLocaleString('en')} neighbours`,
  )
  const frames = constant('../packages/conform/src/packet-link.ts', 'FRAMES_MAX')
  expect(page).toContain(`${frames.toLocaleString('en')} of its frames wait`)
})

test('the limits of requests, captures and connections match the code', () => {
  expect(page).toContain(`at most ${VNET_WIRE_ATTACHMENTS_MAX.toLocaleString('en')} bytes`)
  const filterMax = constant('linux/pcap-filter.ts', 'TEXT_MAX')
  expect(page).toContain(`A filter has at most ${filterMax.toLocaleString('en')} characters`)
  expect(page).toContain(`turns of ${TURN_NS / 1000} µs`)
  const burst = STRANGERS.burst / NSEC_PER_MSEC
  expect(page).toContain(`one account: ${burst} ms of each ${burst / STRANGERS.part} ms`)
  const of = (name: string) => constant('control/server/capture.ts', name)
  const captures = `at most ${of('CAPTURES')} captures at once, ${of('CAPTURES_A_USER')} per user of the group`
  expect(page).toContain(`${captures}, and ${of('KEPT')} are kept`)
  expect(page).toContain(
    `a buffer of ${constant('capture/capture.ts', 'BUFFER_BYTES') / 1024 ** 2} MiB`,
  )
  const sessions = (name: string) => constant('control/server/sessions.ts', name)
  const [all, own, kept] = ['CONNECTIONS', 'CONNECTIONS_A_USER', 'KEPT'].map(sessions)
  expect(page).toContain(`are ${all} connections, ${own} per user, and ${kept} are kept`)
})
