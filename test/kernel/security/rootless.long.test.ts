/** vnet for an ordinary user: in namespaces of its own, or one line about what forbids that. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { asUser, type Machine, TREE, USER } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { spawnVnet, startVnet } from '#support/vnet-process.ts'

const { netns } = freshNamespaces('netns')

/** As the user, in the network namespace of the test. */
const within = (machine?: Machine) => [
  'nsenter',
  `--net=/run/netns/${netns.name}`,
  ...asUser(machine),
]

const start = (args: readonly string[] = [], machine?: Machine) =>
  spawnVnet(args, { within: within(machine), program: `${TREE}/dist/vnet.js` })

/** Runs a command that must fail. Returns its status and output. */
function refused(args: readonly string[], machine?: Machine) {
  const [command, ...rest] = [
    ...within(machine),
    process.execPath,
    `${TREE}/dist/vnet.js`,
    ...args,
  ] as [string, ...string[]]
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8', timeout: 60_000 })
  return { status, stdout, stderr }
}

/** Runs a command in another terminal of the user, with the prefix that vnet printed. */
function there(enter: string, command: string) {
  const [program, ...rest] = [...USER, ...enter.split(' '), ...command.split(' ')] as [
    string,
    ...string[],
  ]
  return spawnSync(program, rest, { encoding: 'utf8', timeout: 60_000 })
}

const ENTER = /^no root: in another terminal, first: (nsenter .*)$/

describe('without root', () => {
  test('vnet runs in a namespace of its own, and the printed command leads there', async () => {
    const vnet = await start(['snull'])
    const enter = ENTER.exec(await vnet.line(ENTER))?.[1] ?? ''
    expect(enter).toBe(`nsenter --preserve-credentials -U -n -t ${vnet.pid}`)
    expect(there(enter, 'ping -c 1 -W 30 198.18.0.2').stdout).toContain(' 1 received')
    expect(there(enter, 'ping -c 1 -W 30 198.18.0.1').stdout).toContain(' 1 received')
    expect(there(enter, 'ip link set sn1 mtu 1400').status).toBe(0)
    expect(JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)).toEqual(
      ['lo'],
    )
    const { status, stdout } = await vnet.stop('SIGINT')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^sn0 rx +\d/m)
  })

  test('a vnet without root is the same process, with reduced rights and the given streams', async () => {
    const vnet = await start(['--json'])
    expect(readlinkSync(`/proc/${vnet.pid}/exe`)).toBe(process.execPath)
    expect(readdirSync(`/proc/${vnet.pid}/task/${vnet.pid}/`)).toContain('children')
    expect(readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'utf8')).toBe('')
    const status = readFileSync(`/proc/${vnet.pid}/status`, 'utf8')
    expect(status).toMatch(/^CapEff:\s0000000000001000$/m)
    expect(statSync(`/proc/${vnet.pid}/fd/0`).isCharacterDevice()).toBe(true)
    expect(JSON.parse(await vnet.line(/"ready"/)).enter).toContain(`-t ${vnet.pid}`)
    await vnet.stop('SIGTERM')
  })

  test('wrong options exit with the same status as for any user', () => {
    expect(refused(['--mtu', '1'])).toMatchObject({ status: 2, stdout: '' })
    expect(refused(['--address', 'nope=192.0.2.1/24'])).toMatchObject({ status: 2, stdout: '' })
  })

  test("a persistent interface of the user's is attached to where it is, by its name", async () => {
    for (const [options, again] of [
      [
        ['--name', 'tap0'],
        ['--name', 'tap0'],
      ],
      [['snull'], ['snull']],
    ] as const) {
      const first = await startVnet([
        ...options,
        '--persist',
        '--user',
        `${NOBODY}`,
        '--netns',
        netns.name,
      ])
      await first.stop()
      const vnet = await start(again)
      expect(vnet.stdout).not.toMatch(/nsenter/)
      expect((await netns.run('ping -c 1 -W 30 198.18.0.2')).stdout).toContain(' 1 received')
      expect(await vnet.stop()).toMatchObject({ status: 0 })
      for (const name of options[0] === 'snull' ? ['sn0', 'sn1'] : ['tap0']) {
        netns.ip(`link del ${name}`)
      }
    }
  })

  test('vnet enters a namespace if its interface is not a persistent one of the user', async () => {
    const first = await startVnet([
      '--name',
      'tap0',
      '--persist',
      '--user',
      `${NOBODY}`,
      '--netns',
      netns.name,
    ])
    await first.stop()
    const vnet = await start()
    expect(vnet.stdout).toMatch(/nsenter/)
    await vnet.stop()
  })
})

describe('a vnet that is forbidden without root', () => {
  const line = (pattern: RegExp) => ({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(pattern),
  })

  test('an unreadable /dev/net/tun is refused in one line with status 1', () => {
    expect(refused([], { mode: '600' })).toEqual(
      line(
        /^vnet: \/dev\/net\/tun: permission denied; .*sudo chmod 666 \/dev\/net\/tun, or sudo [^\n]*\n$/,
      ),
    )
  })

  test('a missing /dev/net/tun is refused in one line with status 1', () => {
    expect(refused([], { mode: 'none' })).toEqual(
      line(/^vnet: \/dev\/net\/tun: .*sudo modprobe tun; [^\n]*--device \/dev\/net\/tun\n$/),
    )
  })

  test('user.max_user_namespaces of 0 is refused in one line with status 1', () => {
    const script =
      'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"'
    const by = ['unshare', '-U', '--map-user=4242', '--keep-caps', 'sh', '-ec', script, 'sh']
    expect(refused([], { by })).toEqual(
      line(/^vnet: .* user namespace: user.max_user_namespaces is 0: sudo sysctl .* sudo\n$/),
    )
  })

  test('a limit of user namespaces reached in an outer namespace is refused in one line with status 1', () => {
    const script =
      'echo 1 > /proc/sys/user/max_user_namespaces && exec unshare -U --map-user=4242 "$@"'
    const by = ['unshare', '-Ur', 'sh', '-ec', script, 'sh']
    expect(refused([], { by })).toEqual(
      line(/^vnet: .*: a limit is reached: raise user.max_user_namespaces.* sudo\n$/),
    )
  })

  // A changed root directory forbids the user namespace. The line derives its reason from settings.
  test.each([
    [
      "AppArmor's restriction",
      'echo 1 > apparmor_restrict_unprivileged_userns',
      /: AppArmor forbids it .*userns is 1\): sudo sysctl -w kernel\..*_userns=0; otherwise/,
    ],
    [
      'kernel.unprivileged_userns_clone',
      'echo 0 > unprivileged_userns_clone',
      /: kernel.unprivileged_userns_clone is 0: sudo sysctl -w kernel.unprivileged_userns_clone=1;/,
    ],
    ['a chroot', ':', /: a chroot or a security module forbids it; otherwise/],
  ])(
    'a user namespace forbidden by %s is refused in one line with status 1',
    (_, setting, pattern) => {
      const before = `mkdir /run/root && mount --rbind / /run/root && mount -t tmpfs none /run/root/proc/sys/kernel
      cd /run/root/proc/sys/kernel && ${setting}
      set -- chroot /run/root "$@"`
      expect(refused([], { before })).toEqual(line(pattern))
    },
  )
})
