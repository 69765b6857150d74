/**
 * Attacks on root's interfaces by users who may open /dev/net/tun. The kernel lets everyone attach
 * a queue to a multi-queue interface that has no owner.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EBUSY, EINVAL, EPERM } from '#src/base/errno.ts'
import type { Native } from '#src/linux/native.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { openTap } from '#src/linux/tap/open.ts'
import { TUNSETOWNER } from '#src/linux/uapi.ts'
import { SkBuffPool } from '#src/skb/pool.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { either } from '#support/scale.ts'
import { spawnVnet } from '#support/vnet-process.ts'

const script = readFileSync(new URL('../../support/attach-queue.py', import.meta.url), 'utf8')

const { own, netns } = freshNamespaces('netns')

const attacker = (...args: string[]) => {
  const [command, ...rest] = [...asNobodyIn(netns), 'python3', '-c', script, ...args] as [
    string,
    ...string[],
  ]
  return spawn(command, rest, { stdio: 'pipe' })
}

/** Attempts to attach a queue to each interface as an ordinary user. */
async function attack(...names: string[]): Promise<string> {
  const { stdout, stderr } = await outcome(attacker(...names))
  return stderr + stdout.trim()
}

const slots = () => new SkBuffPool({ large: 4, small: 4 }).openAccount(() => {})
const spec = { name: 'tap0', queues: 2, features: 0 }
const shown = (name: string) =>
  JSON.parse(netns.ip(`-j -d link show ${name}`))[0].linkinfo.info_data

describe('a user without rights cannot attach a queue', () => {
  test('a user without rights cannot attach a queue to an interface of openTap, with one queue or two', async () => {
    await using _one = await openTap({ netns: netns.name, name: 'one0' })
    await using _two = await openTap({ netns: netns.name, name: 'two0', queues: 2 })
    expect(await attack('one0', 'two0')).toMatch(/^(EBUSY|EINVAL|EPERM) EPERM$/)
    expect(shown('two0')).toMatchObject({ user: 'root', numqueues: 2 })
  })

  test('a user without rights cannot attach a queue to a vnet’s interface, even if --persist keeps it', async () => {
    const vnet = await spawnVnet(['loop', '--netns', netns.name, '--persist'])
    expect(await attack('vnet0')).toBe('EPERM')
    await vnet.stop()
    expect(await attack('vnet0')).toBe('EPERM')
    expect(shown('vnet0')).toMatchObject({ user: 'root', persist: true })
  })

  test('a user without rights cannot attach a queue to an ownerless interface once a vnet has', async () => {
    netns.ip('tuntap add dev keep0 mode tap multi_queue')
    await using _tap = await openTap({ netns: netns.name, name: 'keep0', queues: 2 })
    expect(await attack('keep0')).toBe('EPERM')
  })

  test('a user without rights cannot attach a queue at any moment while interfaces are made', async () => {
    const polling = attacker('--poll', 'tap0', 'vnet-move0')
    const result = outcome(polling)
    await once(polling.stdout, 'data')
    // As the program's own namespace: the interface is not made for another one.
    await using platform = new LinuxPlatform(own.at(netns))
    for (let i = 0; i < either(1000, 100); i++) {
      const port = await platform.open({ ...spec, slots: slots() })
      await port.close()
    }
    polling.stdin.end()
    expect(await result).toMatchObject({ status: 0, stdout: 'polling\n0 of some\n' })
  })
})

describe('where the kernel permits no namespace without a name', () => {
  /** Attaches a queue in the moment before the interface has an owner, and keeps it. */
  const robbed = (): Native => {
    const { native } = own
    return own.at(netns, {
      unnamedNetns: () => -EPERM,
      ioctl(fd, request, arg, data) {
        if (request === TUNSETOWNER) {
          own.tap(netns, 'tap0', 2)
        }
        return native.ioctl(fd, request, arg, data)
      },
    })
  }

  test('without an unnamed namespace, the interface is made in place and belongs to the user immediately', async () => {
    await using platform = new LinuxPlatform(own.at(netns, { unnamedNetns: () => -EPERM }))
    const port = await platform.open({ ...spec, slots: slots() })
    expect(await attack('tap0')).toBe('EPERM')
    await port.close()
  })

  test('an interface to which another program has attached a queue meanwhile is refused', async () => {
    await using platform = new LinuxPlatform(robbed())
    const advice = 'another program has attached 2 queues to it; delete it: ip link delete tap0'
    await expect(platform.open({ ...spec, slots: slots() })).rejects.toMatchObject({
      errno: EBUSY,
      advice,
    })
  })
})

describe('--user and --group', () => {
  test('a group alone may attach, and no owner is set', async () => {
    await using platform = new LinuxPlatform(own.at(netns))
    const port = await platform.open({ ...spec, slots: slots(), group: NOBODY })
    expect(shown('tap0').user).toBeUndefined()
    expect(await attack('tap0')).toBe('attached')
    await port.close()
    netns.ip('link delete tap0')
  })

  test('a group alone is refused for a persistent interface that has an owner', async () => {
    netns.ip('tuntap add dev tap0 mode tap multi_queue user root')
    await using platform = new LinuxPlatform(own.at(netns))
    const opening = platform.open({ ...spec, slots: slots(), persist: true, group: NOBODY })
    await expect(opening).rejects.toMatchObject({
      errno: EINVAL,
      advice: expect.stringContaining('add --user'),
    })
  })
})
