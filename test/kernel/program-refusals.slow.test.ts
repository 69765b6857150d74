/**
 * Impossible requests are refused in one line with advice and exit status 1, and nothing remains.
 */
import { chmodSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asNobodyIn, withoutCapIn, withoutTunIn } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { spawnVnet, startVnet } from '#support/vnet-process.ts'

const { own, netns } = freshNamespaces('netns')

const names = () => JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)

async function refused(...args: string[]): Promise<string> {
  const before = names()
  const { status, stdout, stderr } = await runMain(...args, '--netns', netns.name)
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^vnet: [^\n]+\n$/)
  expect(names()).toEqual(before)
  return stderr.slice('vnet: '.length, -1)
}

describe('addresses whose network another interface has', () => {
  test('a second default run is refused with the name of the first interface and the options to use', async () => {
    const first = await startVnet(['--netns', netns.name])
    expect(await refused()).toBe(
      'address 198.18.0.1/24: vnet0 has a route to 198.18.0.0/24; ' +
        'choose others with --address, or --no-address or --netns',
    )
    // Each option of the advice works.
    for (const way of [['--address', '192.0.2.1/24'], ['--no-address']]) {
      await (await startVnet([...way, '--netns', netns.name])).stop()
    }
    await (await startVnet(['--netns', own.add().name])).stop()
    await first.stop()
  })

  test.each([
    ['a network within', '198.18.0.128/25', ['--address', '198.18.0.1/24'], '198.18.0.128/25'],
    ['a network around', '198.18.0.0/15', ['--address', '198.18.0.1/24'], '198.18.0.0/15'],
    ['an address', '198.18.1.77/32', [], '198.18.1.77/32'],
    [
      'an IPv6 network',
      '2001:db8:0:1::/64',
      ['--ipv6', '--address', '2001:db8:0:1::2/64'],
      '2001:db8:0:1::/64',
    ],
  ])('%s', async (_, route, args, shown) => {
    netns.ip('link add br0 type bridge', 'link set br0 up', `route add ${route} dev br0`)
    expect(await refused(...args)).toContain(
      `br0 has a route to ${shown}; choose others with --address`,
    )
  })

  test('a default route does not conflict with vnet’s addresses', async () => {
    netns.ip('link add br0 type bridge', 'link set br0 up', 'route add default dev br0')
    await (await startVnet(['--netns', netns.name])).stop()
  })
})

test('two interfaces of one run on one network are refused', async () => {
  const addresses = ['--address', '192.0.2.1/24', '--address', '192.0.2.2/25']
  const { status, stderr } = await runMain('cable', 'a', 'b', '--netns', netns.name, ...addresses)
  expect([status, stderr]).toEqual([
    2,
    'vnet: 192.0.2.1/24 and 192.0.2.2/25 are on one network: give a and b one each\n',
  ])
  expect(names()).toEqual(['lo'])
})

test('a name that another interface has is refused', async () => {
  netns.ip('link add br0 type bridge')
  expect(await refused('--name', 'br0')).toBe(
    'attach to br0: an interface of that name exists and is not a TAP; choose another name',
  )
})

test('a second interface that cannot be created removes the first', async () => {
  netns.ip('link add far type bridge')
  expect(await refused('cable', 'near', 'far')).toMatch(
    /^attach to far: an interface of that name exists/,
  )
})

test('an unknown network namespace is refused', async () => {
  const { status, stderr } = await runMain('--netns', 'vnet-test-none')
  expect(status).toBe(1)
  expect(stderr).toBe(
    'vnet: vnet-test-none: ' +
      'there is no such network namespace; `ip netns` lists those with a name\n',
  )
})

test('a path that is not a network namespace is refused', async () => {
  const { status, stderr } = await runMain('--netns', '/proc/self/ns/uts')
  expect(status).toBe(1)
  expect(stderr).toBe(
    'vnet: enter network namespace /proc/self/ns/uts: it is not a network namespace\n',
  )
})

test('the addon is found in a tree that only root may enter', async () => {
  const tree = testDirectory()
  chmodSync(tree, 0o700)
  for (const name of ['dist', 'build', 'node_modules', 'package.json']) {
    symlinkSync(resolve(name), join(tree, name))
  }
  const program = `${process.execPath} --preserve-symlinks --preserve-symlinks-main ${tree}/dist/vnet.js -q --persist`
  const { stderr } = await netns.run([...asNobodyIn(netns).slice(4), program].join(' '))
  expect(stderr).toMatch(/^vnet: vnet0: operation not permitted; /)
})

/** Returns the one line of a child that fails to start. */
async function failing(args: string[], within: string[]): Promise<string> {
  const error: Error = await spawnVnet(args, { within }).then(
    () => new Error('it got ready'),
    error => error,
  )
  const [, ...lines] = error.message.trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  expect(names()).toEqual(['lo'])
  return lines[0] ?? ''
}

test('a missing /dev/net/tun is reported with advice', async () => {
  expect(await failing([], withoutTunIn(netns))).toBe(
    'vnet: /dev/net/tun: the device is missing: ' +
      'sudo modprobe tun; in a container, start it with --device /dev/net/tun',
  )
})

test('an ordinary user is advised to use sudo', async () => {
  expect(await failing(['--mtu', '1400', '--persist'], asNobodyIn(netns))).toMatch(
    /^vnet: vnet0: operation not permitted; it needs CAP_NET_ADMIN: sudo \/.*\/node .*\/dist\/vnet.js --mtu 1400 --persist, or without root: vnet rootless -- COMMAND$/,
  )
})

test('root without CAP_NET_ADMIN, like in a container, gets the advice which capability to add', async () => {
  expect(await failing([], withoutCapIn(netns, 'net_admin'))).toMatch(
    /^vnet: vnetN: operation not permitted; root here lacks CAP_NET_ADMIN: run the container with --cap-add NET_ADMIN$/,
  )
})

test('root of a user namespace is refused in a network namespace of another', async () => {
  expect(
    await failing([], ['ip', 'netns', 'exec', netns.name, 'unshare', '--user', '--map-root-user']),
  ).toMatch(
    /^vnet: .*: operation not permitted; another user namespace owns this network namespace, so CAP_NET_ADMIN does not apply to it/,
  )
})

test('an ordinary user is refused in another namespace', async () => {
  expect(await failing(['--netns', own.add().name], asNobodyIn(netns))).toMatch(
    /^vnet: enter network namespace vnet-test-\S+: operation not permitted; it needs CAP_NET_ADMIN: sudo /,
  )
})

test('root without CAP_NET_BROADCAST is refused in another namespace, where it would get no events', async () => {
  const { name } = own.add()
  expect(await failing(['--netns', name], withoutCapIn(netns, 'net_broadcast'))).toBe(
    `vnet: events of network namespace ${name}: operation not permitted; they take CAP_NET_BROADCAST: ` +
      'add it (--cap-add NET_BROADCAST for a container), or run inside without --netns',
  )
})
