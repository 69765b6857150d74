/** openTap on a descriptor that another program opened, and routes over the interface. */
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readFileSync, watch } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { EBADF, EBUSY, EEXIST, EINVAL, ENETUNREACH } from '#src/base/errno.ts'
import type { Tap } from '#src/linux/tap/device.ts'
import { openTap, type TapOptions } from '#src/linux/tap/open.ts'
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  ifreq,
  O_RDWR,
  TUNSETIFF,
} from '#src/linux/uapi.ts'
import { numberedFrame } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { asNobodyIn } from '#support/privileges.ts'

const { own, netns, far } = freshQuietNamespaces('netns', 'far')
const taps: Tap[] = []
const fds = new Set<number>()

afterEach(async () => {
  for (const tap of taps.splice(0)) {
    await tap.close()
  }
  for (const fd of fds) {
    closeSync(fd)
  }
  fds.clear()
})

/** Opens /dev/net/tun in the namespace, blocking, like a helper. It is closed after the test. */
function tun(name?: string, flags = IFF_TAP | IFF_NO_PI): number {
  const fd = own.native.open('/dev/net/tun', O_RDWR, netns.fd)
  // The Tap closes it.
  own.native.release(fd)
  fds.add(fd)
  if (name !== undefined) {
    expect(own.native.ioctl(fd, TUNSETIFF, ifreq(name, flags))).toBe(0)
  }
  return fd
}

/** Opens a Tap, which then owns the descriptor. */
async function open(options: TapOptions): Promise<Tap> {
  const tap = await openTap(options)
  taps.push(tap)
  fds.delete(options.fd as number)
  return tap
}

describe('a descriptor', () => {
  test.each([
    ['plain frames', IFF_TAP | IFF_NO_PI, {}],
    ['a vnet header that is not asked for', IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, {}],
    ['offloads', IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, { offload: true }],
  ])(
    'a TAP with %s is set up, read and written, and deleted by close',
    async (_, flags, options) => {
      const fd = tun('helper0', flags)
      const tap = await open({ fd, mtu: 1400, addresses: ['198.18.0.1/24'], ...options })
      expect([tap.name, tap.layer, tap.mtu, tap.isUp, tap.queues]).toEqual([
        'helper0',
        'tap',
        1400,
        true,
        1,
      ])
      using socket = new PacketSocket(netns, tap.name)
      socket.send(numberedFrame(7))
      for await (const [first] of tap) {
        if (first?.bytes[12] !== 0x88) continue
        expect(first.bytes[59]).toBe(7)
        tap.write(numberedFrame(8))
        break
      }
      await socket.until(({ octets }) => octets[59] === 8)
      await tap.close()
      expect(netns.ip('-br link')).not.toContain('helper0')
      expect(() => fstatSync(fd)).toThrow('EBADF')
    },
  )

  test('a TUN is recognized, and its events are reported', async () => {
    const tap = await open({ fd: tun('helper0', IFF_TUN | IFF_NO_PI) })
    expect([tap.layer, tap.mac]).toEqual(['tun', undefined])
    netns.ip('link set helper0 down')
    await once(tap, 'down')
    netns.ip('link del helper0')
    await once(tap, 'close')
  })

  test('a persistent interface remains when the Tap is closed', async () => {
    netns.ip('tuntap add dev keep0 mode tap')
    const tap = await open({ fd: tun('keep0') })
    await tap.close()
    expect(netns.ip('-br link')).toContain('keep0')
  })

  test.each<[string, () => number, TapOptions, number, string]>([
    ['a file', () => openSync('/dev/null', 'r+'), {}, 25, 'it is not a TAP or TUN'],
    [
      'a number without a descriptor',
      () => 9999,
      {},
      EBADF,
      'no descriptor of that number is open',
    ],
    [
      '/dev/net/tun without an interface',
      () => tun(),
      {},
      77,
      'it has no interface: attach it with TUNSETIFF first',
    ],
    [
      'a TAP with packet information',
      () => tun('helper0', IFF_TAP),
      {},
      EINVAL,
      'open it with IFF_NO_PI',
    ],
    [
      'a TAP for a TUN',
      () => tun('helper0'),
      { layer: 'tun' },
      EINVAL,
      'helper0 is a TAP, not a TUN',
    ],
    [
      'a TAP without a vnet header',
      () => tun('helper0'),
      { offload: true },
      EINVAL,
      'opened without IFF_VNET_HDR',
    ],
  ])('%s is refused in one line, and remains open', async (_, make, options, errno, text) => {
    const fd = make()
    const error = await openTap({ fd, ...options }).catch(error => error)
    expect([error.errno, error.message]).toEqual([errno, expect.stringContaining(text)])
    expect(error.message).not.toContain('\n')
    if (errno === EBADF) return
    expect(fstatSync(fd).isCharacterDevice()).toBe(true)
    if (!fds.has(fd)) {
      closeSync(fd)
    }
  })

  test('a second Tap on a descriptor is refused, in each thread, and the first one works', async () => {
    const fd = tun('helper0')
    const first = await open({ fd, addresses: ['198.18.0.1/24'] })
    const busy = {
      errno: EBUSY,
      message: expect.stringMatching(/^fd \d+: EBUSY, .*; it belongs to helper0 of this program$/),
    }
    await expect(openTap({ fd })).rejects.toMatchObject(busy)
    const module = new URL('../../dist/tap.js', import.meta.url).href
    const worker = new Worker(
      `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(module)}).then(({ openTap }) => openTap({ fd: ${fd} })).catch(({ errno, message }) =>
        parentPort.postMessage({ errno, message }))`,
      { eval: true },
    )
    expect((await once(worker, 'message'))[0]).toMatchObject(busy)
    await worker.terminate()
    using socket = new PacketSocket(netns, 'helper0')
    socket.send(numberedFrame(7))
    for await (const [frame] of first) {
      if (frame?.bytes[59] === 7) {
        break
      }
    }
    await first.close()
    expect(() => fstatSync(fd)).toThrow('EBADF')
  })

  test('a descriptor can be tried again after a refusal', async () => {
    const fd = tun('helper0')
    await expect(openTap({ fd, layer: 'tun' })).rejects.toMatchObject({ errno: EINVAL })
    await expect(openTap({ fd, mtu: 65_535 })).rejects.toMatchObject({ errno: EINVAL })
    expect((await open({ fd })).name).toBe('helper0')
  })

  test('one of two queues is refused', async () => {
    const flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE
    const fd = tun('helper0', flags)
    tun('helper0', flags)
    await expect(openTap({ fd })).rejects.toThrow('it is one of 2 queues of helper0')
  })

  test('a refused MTU or an early abort leaves the descriptor open and the interface as it is', async () => {
    const fd = tun('helper0')
    const shown = () => netns.ip('-details address show dev helper0')
    const before = shown()
    await expect(openTap({ fd, mtu: 65_535 })).rejects.toMatchObject({ errno: EINVAL })
    const controller = new AbortController()
    const opening = openTap({ fd, signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toThrow('aborted')
    expect(shown()).toBe(before)
    const tap = await open({ fd })
    expect(tap.name).toBe('helper0')
  })

  test('a Tap is closed when the name of its namespace is removed', async () => {
    const fd = tun('helper0')
    netns.release()
    const tap = await open({ fd })
    netns.remove()
    await once(tap, 'close')
  })

  test('a Tap in a namespace without a name remains open when another namespace is added', async () => {
    const fd = tun('helper0')
    netns.remove()
    const tap = await open({ fd })
    // Events of a directory reach its watchers in the order in which they were added.
    const watcher = watch('/run/netns')
    const changed = once(watcher, 'change')
    own.add()
    await changed
    watcher.close()
    using socket = new PacketSocket(netns, tap.name)
    socket.send(numberedFrame(7))
    const received: (number | undefined)[] = []
    for await (const [first] of tap) {
      if (first?.bytes[12] !== 0x88) continue
      received.push(first.bytes[59])
      break
    }
    expect(received).toEqual([7])
  })
})

describe('a program without rights', () => {
  /**
   * The helper of the page: makes an interface, sets it up, and starts Node with the descriptor 3.
   * The tree may be in root's home, so asNobodyIn() removes the rights.
   */
  const [, page = ''] =
    /^```python\n(.*?)^```$/ms.exec(readFileSync('docs/tap-reference.md', 'utf8')) ?? []
  const HELPER = page.replace(/^os\.execvp.*$/m, 'os.execvp(sys.argv[1], sys.argv[1:])')

  /** Runs a program in `netns`, whose helper may make the interface in another namespace. */
  const run = (where: typeof netns, code: string, helper = HELPER) => {
    const program = [process.execPath, '--input-type=module', '-e', code]
    return outcome(where.spawn(['python3', '-c', helper, ...asNobodyIn(netns), ...program]))
  }

  test('a program without rights uses an interface that a helper set up, and cannot change it', async () => {
    const code = `
      import { spawn } from 'node:child_process'
      import { openTap } from 'vnet/tap'
      const routes = ['192.0.2.0/24 via 198.18.0.9']
      for (const lacking of [{ mtu: 1300 }, { routes: ['203.0.113.0/24'] }]) {
        const refused = await openTap({ fd: 3, ...lacking }).catch(error => error)
        console.log(refused.code)
      }
      const tap = await openTap({ fd: 3, addresses: ['198.18.0.1/24'], routes })
      spawn('bash', ['-c', 'echo -n hello >/dev/udp/198.18.0.2/7'])
      for await (const [frame] of tap) {
        if (frame.bytes[12] === 8 && frame.bytes[13] === 6) break
      }
      console.log('read', tap.name)
      await tap.close()
    `
    const route =
      "subprocess.run('ip route add 192.0.2.0/24 via 198.18.0.9 dev tap0'.split(), check=True)"
    const ended = await run(netns, code, HELPER.replace('os.execvp', `${route}\nos.execvp`))
    expect(ended).toMatchObject({ status: 0, stdout: 'EPERM\nEPERM\nread tap0\n', stderr: '' })
  })

  test('a TUN is refused, which could be in another namespace', async () => {
    netns.ip('tuntap add dev tap0 mode tun')
    const code = `
      import { openTap } from 'vnet/tap'
      await openTap({ fd: 3 }).catch(error => console.log(error.message))
    `
    const { stdout } = await run(
      far,
      code,
      HELPER.replace('IFF_NO_PI = 0x0002', 'IFF_NO_PI = 0x0001'),
    )
    expect(stdout).toBe(
      'fd 3: EPERM, operation not permitted; ' +
        'a TUN takes CAP_NET_ADMIN in its network namespace: add it, or pass on a TAP\n',
    )
  })

  test('an interface of a namespace that the program may not see is refused', async () => {
    const code = `
      import { openTap } from 'vnet/tap'
      await openTap({ fd: 3 }).catch(error => console.log(error.message))
    `
    const { stdout } = await run(far, code)
    expect(stdout).toBe(
      `fd 3: EPERM, operation not permitted; tap0 is in another network namespace: it takes CAP_NET_ADMIN there\n`,
    )
  })
})

describe('routes', () => {
  /** Without the flag of a carrier that was off, which the kernel clears later. */
  const shown = (family: 4 | 6, at = netns) =>
    at.ip(`-${family} route show proto static`).replaceAll(' linkdown', '').trimEnd().split(/ *\n/)

  test('routes lead over the interface, and end with it', async () => {
    const both = own.add()
    const options = {
      netns: both.name,
      name: 'lib0',
      addresses: ['198.18.0.1/24', '2001:db8::1/64'],
    }
    const routes = [
      '192.0.2.0/24',
      '0.0.0.0/0 via 198.18.0.9',
      '2001:db8:1::/48',
      '::/0 via 2001:db8::9',
    ]
    const tap = await open({ ...options, routes })
    expect(shown(4, both)).toEqual([
      'default via 198.18.0.9 dev lib0',
      '192.0.2.0/24 dev lib0 scope link',
    ])
    expect(shown(6, both).map(line => line.replace(/ metric.*/, ''))).toEqual([
      '2001:db8:1::/48 dev lib0',
      'default via 2001:db8::9 dev lib0',
    ])
    await tap.close()
    expect([shown(4, both), shown(6, both)]).toEqual([[''], ['']])
  })

  test.each([
    ['another route', '192.0.2.0/24', 'dev other0'],
    ['another route with a metric', '192.0.2.0/24', 'dev other0 metric 100'],
    ['another default route with a metric', '0.0.0.0/0', 'dev other0 metric 100'],
  ])('a network that has %s is refused, and the route remains', async (_, to, route) => {
    netns.ip('link add other0 type veth peer name other1', 'link set other0 up')
    netns.ip(`route add ${to} proto static ${route}`)
    const before = shown(4)
    const opening = open({ netns: netns.name, routes: [to] })
    await expect(opening).rejects.toMatchObject({
      errno: EEXIST,
      message: expect.stringContaining('remove it first'),
    })
    expect(shown(4)).toEqual(before)
    expect(netns.ip('-br link')).not.toContain('tap0')
  })

  test('a route that a persistent interface has already is left alone', async () => {
    netns.ip('tuntap add dev keep0 mode tap')
    const options = {
      netns: netns.name,
      name: 'keep0',
      addresses: ['198.18.0.1/24'],
      routes: ['192.0.2.0/24 via 198.18.0.9'],
    }
    await open(options)
    const before = shown(4)
    expect(before).toEqual(['192.0.2.0/24 via 198.18.0.9 dev keep0'])
    await taps.pop()?.close()
    await open(options)
    expect(shown(4)).toEqual(before)
  })

  test('only unicast routes of the main table count', async () => {
    netns.ip(
      'tuntap add dev keep0 mode tap',
      'link set keep0 up',
      'link add other0 up type veth peer name other1',
    )
    netns.ip(
      'route add 192.0.2.0/24 dev keep0 table 100',
      'route add throw 192.0.2.0/24 metric 100',
    )
    const options = { netns: netns.name, name: 'keep0', routes: ['192.0.2.0/24'] }
    await (await open(options)).close()
    expect(shown(4)).toContain('192.0.2.0/24 dev keep0 scope link')
    for (const route of ['dev other0', 'nexthop dev keep0 nexthop dev other0']) {
      netns.ip(`route replace 192.0.2.0/24 ${route}`)
      await expect(open(options)).rejects.toMatchObject({ errno: EEXIST })
    }
  })

  const INVALID = 'Nexthop has invalid gateway'
  test.each([
    [
      'that no address reaches',
      '198.18.1.1',
      ENETUNREACH,
      `${INVALID}; the router must be in a network of \`addresses\`, or of a route before this one`,
    ],
    ['with the broadcast address', '198.18.0.255', EINVAL, INVALID],
  ])('a router %s is refused with the message of the kernel', async (_, router, errno, advice) => {
    const routes = [`192.0.2.0/24 via ${router}`]
    const opening = open({ netns: netns.name, addresses: ['198.18.0.1/24'], routes })
    await expect(opening).rejects.toMatchObject({ errno, advice })
  })
})
