/** The text that repeats a failure, and the comparison of two explorations. */
import { expect, test } from 'vitest'
import { parseFault } from '../../src/explore/fault-text.ts'
import type { ExploredPacket } from '../../src/explore/points.ts'
import { testText, wireFaultsOf } from '../../src/explore/repeat-text.ts'
import { explore, type RepeatOptions } from '../../src/index.ts'
import { parseName } from '../../src/model/packet-name.ts'

/** Packets with these names, in the order of time. */
function packetsOf(...names: string[]): ExploredPacket[] {
  return names.map((name, i) => {
    const parsed = parseName(name)
    const place = { time: i, at: i, number: i + 1, end: parsed.n + 1 }
    return {
      ...parsed,
      ...place,
      name,
      length: 60,
      head: new Uint8Array(60),
      hit: false,
      lost: false,
    }
  })
}

const wires = (faults: readonly string[], packets: readonly ExploredPacket[]) =>
  wireFaultsOf(faults.map(parseFault), packets).map(
    ({ link, direction, wire }) => `${link} ${direction}: ${wire}`,
  )

test('a wire counts the packets of all flows that its filter matches, in its direction only', () => {
  const packets = packetsOf(
    'a-b ab tcp a:* > b:80 seq 0',
    'a-b ba tcp b:80 > a:* seq 0',
    'a-b ab tcp a:*#2 > b:80 seq 0',
    'a-b ab tcp a:* > b:443 seq 0',
    'a-b ab tcp a:* > b:80 seq 1',
  )
  expect(wires(['drop a-b ab tcp a:* > b:80 seq 1'], packets)).toEqual([
    'a-b ab: drop "tcp dst port 80" nth 3',
  ])
})

test('a wire that counts by the source port counts packets to any port, as its filter does', () => {
  const packets = packetsOf('a-b ab udp a:53 > b:123 packet 1', 'a-b ab udp a:53 > b:* packet 1')
  expect(wires(['delay 20ms a-b ab udp a:53 > b:* packet 1'], packets)).toEqual([
    'a-b ab: delay 20ms "udp src port 53" nth 2',
  ])
})

test('a wire counts a connection that is older than the link by its port, too', () => {
  const [packet] = packetsOf('a-b ba tcp b:80#old > a:* seq 1') as [ExploredPacket]
  expect(wires([`drop ${packet.name}`], [packet])).toEqual(['a-b ba: drop "tcp src port 80" nth 1'])
})

test('of two faults the last packet is first, because a fault counts what the one before lets pass', () => {
  const packets = packetsOf('a-b ab udp a:* > b:7 packet 1', 'a-b ab udp a:* > b:7 packet 2')
  const faults = packets.map(({ name }) => `drop ${name}`)
  expect(wires(faults, packets)).toEqual([
    'a-b ab: drop "udp dst port 7" nth 2 | drop "udp dst port 7" nth 1',
  ])
})

test('a filter of ICMPv6 spares the packets that have no names', () => {
  const [packet] = packetsOf('a-b ab icmp6 a > b packet 1') as [ExploredPacket]
  expect(wires([`drop ${packet.name}`], [packet])).toEqual([
    'a-b ab: drop "icmp6 and (ip6[40] < 130 or ip6[40] > 137) and ip6[40] != 143" nth 1',
  ])
})

test('the printed test has the options of the exploration that a run depends on', () => {
  const fault = parseFault('drop a-b ab udp a:* > b:7 packet 1')
  const module = new URL('scenario.mjs', `file://${process.cwd()}/test/`).href
  const text = testText(module, [fault], {
    timeout: 999.6,
    seed: 7,
    rtoMin: '20ms',
    invariant: false,
  })
  expect(text).toContain("explore.repeat('test/scenario.mjs', [\n")
  expect(text).toContain("], { timeout: 1000, seed: 7, rtoMin: '20ms' })\n")
  const ofFunction = testText(undefined, [fault], { timeout: 1000, rtoMin: false, invariant: true })
  expect(ofFunction).toContain('], { timeout: 1000, rtoMin: false, invariant })\n')
  expect(ofFunction).toContain('// const invariant = async lab => { ... }\n')
})

test.each([{ faults: ['drop'] }, { concurrency: 2 }, { budget: '1s' }])(
  'repeat refuses the option %j',
  async options => {
    await expect(explore.repeat(() => {}, [], options as RepeatOptions)).rejects.toThrow(
      `explore.repeat: no option is called '${Object.keys(options)[0]}'`,
    )
  },
)
