/** How much of the addresses and groups of an interface is read, however many there are. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type LinkPlace, linkState, readLists, readMulticastList } from '#src/linux/links/state.ts'
import type { Native } from '#src/linux/native.ts'
import type { Link } from '#src/linux/rtnetlink.ts'
import { IFF_ALLMULTI } from '#src/netdev/if.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const OWN = 7
const KIB = 1024

const directory = freshDirectory()
const path = join(directory, 'dev_mcast')
/** Bytes that were read of the file, once it is closed. */
let read: number

/** Opens a file of the test in place of /proc/thread-self/net/dev_mcast. */
const native = {
  open: () => openSync(path, 'r'),
  close(fd: number) {
    read = Number(/^pos:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1])
    closeSync(fd)
    return 0
  },
} as unknown as Native

/** The lines of `count` groups of an interface, each other than the rest. */
function lines(ifindex: number, count: number): string {
  const hex = (n: number) => n.toString(16).padStart(8, '0')
  return Array.from(
    { length: count },
    (_, n) => `${ifindex}    test0           1     0     3333${hex(n)}\n`,
  ).join('')
}

function groupsOf(text: string) {
  writeFileSync(path, text)
  const { multicast, groupsCut } = readMulticastList(native, -1, OWN)
  return [multicast.length, groupsCut]
}

test('1,000 groups of an interface are read, and more are cut there', () => {
  expect(groupsOf(lines(OWN, 1000))).toEqual([1000, false])
  expect(groupsOf(lines(OWN, 1001))).toEqual([1000, true])
})

test('groups of all interfaces are read up to 128 KiB, and the rest counts as cut', () => {
  const others = lines(8, 60_000)
  expect(groupsOf(others + lines(OWN, 3))).toEqual([0, true])
  expect(read).toBeGreaterThan(128 * KIB)
  expect(read).toBeLessThanOrEqual(144 * KIB)
  expect(groupsOf(lines(OWN, 3) + others)).toEqual([3, true])
  const few = others.slice(0, others.lastIndexOf('\n', 127 * KIB) + 1)
  expect(groupsOf(few + lines(OWN, 3))).toEqual([3, false])
})

test('an interface with a cut group list receives all groups', () => {
  writeFileSync(path, lines(OWN, 1001))
  const place = { sock: { dump: () => [] }, nsfd: -1, ifindex: OWN } as unknown as LinkPlace
  const flagsOf = (multicast: boolean) => {
    const { flags } = linkState(
      { flags: 0, promiscuity: 0, allmulti: 0 } as Link,
      readLists(native, place, multicast),
    )
    return flags & IFF_ALLMULTI
  }
  expect([flagsOf(true), flagsOf(false)]).toEqual([IFF_ALLMULTI, 0])
})
