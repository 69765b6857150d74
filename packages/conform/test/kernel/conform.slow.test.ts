/**
 * The cases that need no program on the host, and `vnet conform`, on this machine's kernel;
 * test/stacks/command.test.ts has what it says and refuses.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { captureBytes } from '#src/capture/capture-bytes.node.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { parseAddress } from '#src/packet/address.ts'
import { outcome } from '#support/netns.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { findStations } from '../../src/discovery.ts'
import { InterfaceWorld } from '../../src/interface-world.ts'
import { isPassive, setsPathMtu } from '../../src/notation.ts'
import { PacketLink } from '../../src/packet-link.ts'
import { PORTS } from '../../src/run.ts'
import { runPatiently } from '../../src/run-case.ts'
import type { Stations } from '../../src/stations.ts'
import { readTable } from '../../src/table.ts'
import { ServedHost } from '../support/served-host.ts'

const HOST = '192.0.2.2'
const HOST6 = '2001:db8::2'
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 7)

const passive = readTable().flatMap(({ cases }) =>
  cases.filter(one => isPassive(one) && one.slow === undefined),
)
let host: ServedHost
let directory: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-conform-'))
  host = await ServedHost.start()
})

afterAll(() => {
  host?.remove()
  rmSync(directory, { recursive: true })
})

describe('the kernel', () => {
  let link: PacketLink
  let stations: Stations
  let port = 0x8000

  beforeAll(async () => {
    link = PacketLink.open(host.interface, MAC)
    stations = await findStations(
      link,
      [parseAddress(HOST) as Uint8Array, parseAddress(HOST6) as Uint8Array],
      [],
    )
  })
  afterAll(() => link?.close())

  for (const one of passive.toSorted((a, b) => Number(setsPathMtu(a)) - Number(setsPathMtu(b)))) {
    test(`${one.name}: ${one.linux ?? one.title}`, { timeout: 60_000 }, async () => {
      const outcome = await runPatiently(one, () => {
        port += PORTS
        return new InterfaceWorld(link, stations, port)
      })
      if (one.linux === undefined && outcome.failure !== undefined) throw outcome.failure
      expect(outcome.skipped).toBe(undefined)
      expect(outcome.failure === undefined).toBe(one.linux === undefined)
    })
  }
})

describe('vnet conform', () => {
  const conformInto = (captures: string, ...args: readonly string[]) =>
    outcome(
      host.near.spawn([process.execPath, PROGRAM, 'conform', ...args, '--captures', captures]),
    )
  const conform = (...args: readonly string[]) => conformInto(directory, ...args)

  test('reports what passes, and exits with 0', async () => {
    const { status, stdout } = await conform(
      'veth0',
      '--address',
      HOST,
      '--address',
      HOST6,
      '--only',
      'nd*',
    )
    expect(stdout).toMatch(/^(\d+) of \1 pass, 0 failed \(must\), 0 skipped\n$/)
    expect(status).toBe(0)
  })

  test('exits with 1 if a case fails, with a comment in its capture and a failure in the JUnit file', async () => {
    host.far.exec('sysctl -qw net.ipv4.icmp_echo_ignore_all=1')
    const junit = join(directory, 'junit.xml')
    const { status, stdout } = await conform(
      'veth0',
      '--address',
      HOST,
      '--only',
      'icmp-echo',
      '--junit',
      junit,
    )
    host.far.exec('sysctl -qw net.ipv4.icmp_echo_ignore_all=0')
    const file = join(directory, 'icmp-echo.pcapng')
    expect(stdout).toContain(
      'FAILED icmp-echo: a ping gets a reply with its identifier, number and data (must, RFC 1122',
    )
    expect(stdout).toContain(`the host has sent nothing; capture: ${file}`)
    expect(status).toBe(1)
    expect(readFileSync(junit, 'utf8')).toContain(
      '<testsuite name="icmp" tests="1" failures="1" skipped="0">',
    )
    const reader = new CaptureReader(file)
    reader.push(captureBytes(file))
    reader.end()
    const comments: string[] = []
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      comments.push(...(packet.comments ?? []))
    }
    expect(comments).toEqual([expect.stringContaining('the host has sent nothing')])
  })

  test('refuses an address without a stack', async () => {
    const { status, stderr } = await conform('veth0', '--address', '192.0.2.77')
    expect(stderr).toContain('no stack replies to requests for 192.0.2.77\n')
    expect(status).toBe(1)
  })
})
