import { expect, test } from 'vitest'
import { isNamed } from '#src/cli/device-text.ts'
import { withPlaces } from '#src/control/client/find.ts'
import type { Entry } from '#src/control/sockets/directory.ts'

/** Returns a vnet with interfaces of these names: `my:client/server`. */
function vnet(pid: number, ...names: readonly string[]): Entry {
  const interfaces = names.map((full, i) => {
    const [name, netns] = full.split('/').reverse() as [string, string | undefined]
    return { name, netns, ifindex: i + 1, inode: 1 }
  })
  return {
    vnet: `/run/vnet/${pid}.sock`,
    uid: 0,
    pid,
    startTime: '1',
    pidns: 1,
    netns: 1,
    interfaces,
  }
}

/** Returns the process and the interface of everything that a word names. */
function named(text: string, ...entries: readonly Entry[]): string[] {
  return withPlaces(entries).flatMap(({ pid, interfaces }) =>
    interfaces
      .filter(each => isNamed(each, text))
      .map(({ netns, name }) => `${pid} ${netns}/${name}`),
  )
}

test('the host of a lab names its only interface, by the name of the lab with or without its process', () => {
  const lab = vnet(5, 'my:client/up', 'my:router/client', 'my:router/server')
  for (const text of ['my:client', 'my-5:client', 'my:client/up', 'my-5:client/up', 'up']) {
    expect(named(text, lab)).toEqual(['5 my:client/up'])
  }
})

test('the host of a lab names nothing if it has several interfaces', () => {
  const lab = vnet(5, 'my:router/client', 'my:router/server')
  for (const text of ['my:router', 'my-5:router', 'my']) {
    expect(named(text, lab)).toEqual([])
  }
})

test('the hosts of two labs of one name are named by the process, and without it if one lab has the host', () => {
  const labs = [vnet(5, 'my:client/up', 'my:5/up'), vnet(6, 'my:client/up', 'my:6/up')]
  expect(named('my:client', ...labs)).toEqual([])
  expect(named('my:client/up', ...labs)).toEqual([])
  expect(named('my-6:client', ...labs)).toEqual(['6 my:client/up'])
  for (const text of ['my:6', 'my:6/up', 'my-6:6']) {
    expect(named(text, ...labs)).toEqual(['6 my:6/up'])
  }
})

test('a namespace that is not of a lab names no interface', () => {
  expect(named('red', vnet(5, 'red/eth0'))).toEqual([])
})
