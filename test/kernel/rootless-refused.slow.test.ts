/** `vnet rootless` in containers, and its refusals. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { list } from '#support/list.ts'
import {
  asUser,
  ended,
  type Machine,
  onMachine,
  rootless,
  script,
  TREE,
  VNET_ROOTLESS,
} from '#support/ordinary-user.ts'
import { firstOf } from '#support/scale.ts'

/** Denies system calls to the following command. */
const denying = (calls: string) => ['python3', `${TREE}/test/support/deny-calls.py`, calls]

/** Root's commands that change /proc/sys/kernel, in a changed root directory. */
const sysctl = (setting: string) => `
  mkdir /run/root && mount --rbind / /run/root && mount -t tmpfs none /run/root/proc/sys/kernel
  (cd /run/root/proc/sys/kernel && ${setting})
  set -- chroot /run/root env -C ${TREE} "$@"`

/** Root's commands that show the user's process an AppArmor profile as its own. */
const confined = `
  echo 'docker-default (enforce)' > /run/label && mount --bind /run/label /proc/$$/attr/current`

const REFUSALS: readonly (readonly [cause: string, machine: Machine, line: string])[] = [
  [
    'the mode of /dev/net/tun',
    { mode: '600' },
    '/dev/net/tun: permission denied; its mode is for root alone: sudo chmod 666 /dev/net/tun',
  ],
  [
    'a missing /dev/net/tun',
    { mode: 'none' },
    '/dev/net/tun: the device is missing: sudo modprobe tun; in a container, start it with --device /dev/net/tun',
  ],
  [
    'user.max_user_namespaces',
    {
      by: [
        'unshare',
        '-U',
        '--map-user=4242',
        '--keep-caps',
        'sh',
        '-ec',
        'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"',
        'sh',
      ],
    },
    'without root it needs a user namespace: user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces=10000; otherwise run it with sudo',
  ],
  [
    "AppArmor's restriction",
    { before: sysctl('echo 1 > apparmor_restrict_unprivileged_userns') },
    'without root it needs a user namespace: AppArmor forbids it (kernel.apparmor_restrict_unprivileged_userns is 1): sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; otherwise run it with sudo',
  ],
  [
    'kernel.unprivileged_userns_clone',
    { before: sysctl('echo 0 > unprivileged_userns_clone') },
    'without root it needs a user namespace: kernel.unprivileged_userns_clone is 0: sudo sysctl -w kernel.unprivileged_userns_clone=1; otherwise run it with sudo',
  ],
  [
    'a seccomp filter that denies unshare',
    { by: denying('unshare') },
    "without root it needs a user namespace: a seccomp filter forbids it, as Docker's does: docker run --security-opt seccomp=unconfined; otherwise run it with sudo",
  ],
  [
    'a seccomp filter that denies user namespaces',
    { by: denying('new-user') },
    'without root it needs a user namespace: a seccomp filter forbids it, such as RestrictNamespaces= of a systemd unit; otherwise run it with sudo',
  ],
  [
    'an AppArmor profile that denies mounts',
    { before: confined, by: denying('mount') },
    'without root it needs mounts of its own: the AppArmor profile docker-default forbids it: docker run --security-opt apparmor=unconfined; otherwise run it with sudo',
  ],
]

/** What Docker leaves to root. */
const DOCKER = list(`
  chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod audit_write
  setfcap
`)

/** Root with some capabilities only. */
function rootWith(capabilities: readonly string[]): string[] {
  const set = ['-all', ...capabilities.map(name => `+${name}`)].join(',')
  return ['setpriv', `--bounding-set=${set}`, '--inh-caps=-all']
}

describe('in a container', () => {
  // Docker does both. The second is `--security-opt systempaths=unconfined`.
  const readOnly = 'mount -o remount,bind,ro /sys'
  const masked = `mount -t tmpfs -o ro none /sys/firmware; ${readOnly}`
  const NETNS = 'ip netns add red; nsenter --net=/run/netns/red ip -br link | cut -d" " -f1'
  const inContainer = (before: string, by: readonly string[], text: string) =>
    ended([...onMachine({ before }, by), ...VNET_ROOTLESS, 'sh', '-ec', text])

  test.each([
    ['an ordinary user', []],
    ['root', rootWith(DOCKER)],
  ])(
    '%s makes namespaces where parts of /sys are hidden, which ip netns exec cannot enter',
    (_, by) => {
      const user = by.length === 0 ? asUser({ before: masked }) : onMachine({ before: masked }, by)
      expect(ended([...user, ...VNET_ROOTLESS, 'sh', '-ec', NETNS])).toEqual({
        status: 0,
        stdout: 'lo\n',
        stderr: '',
      })
      expect(
        ended([...user, ...VNET_ROOTLESS, 'sh', '-ec', `${NETNS}; ip netns exec red true`]),
      ).toEqual({
        status: 255,
        stdout: 'lo\n',
        stderr: 'mount of /sys failed: Operation not permitted\n',
      })
    },
  )

  test('ip netns exec works where no part of /sys is hidden', () => {
    expect(script(`${NETNS}; ip netns exec red ls /sys/class/net`, { before: readOnly })).toBe(
      'lo\nlo\n',
    )
  })

  test('root with CAP_SYS_ADMIN and CAP_NET_ADMIN needs no user namespace', () => {
    const by = [...rootWith([...DOCKER, 'sys_admin', 'net_admin'])]
    const text = `cat /proc/self/uid_map; ${NETNS}; ip netns exec red ls /sys/class/net`
    expect(inContainer(masked, by, text)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^ +0 +0 +4294967295\nlo\nlo\n$/),
      stderr: '',
    })
  })

  test('root without these capabilities gets the advice how Docker grants them', () => {
    expect(inContainer(masked, [...rootWith(DOCKER), ...denying('unshare')], NETNS)).toEqual({
      status: 1,
      stdout: '',
      stderr:
        "vnet: without the capabilities of root it needs a user namespace: a seccomp filter forbids it, as Docker's does: docker run --security-opt seccomp=unconfined; otherwise docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN\n",
    })
  })
})

describe('where it is refused', () => {
  test.each(firstOf(3, REFUSALS))(
    'refused by %s, vnet rootless prints the cause and the remedy in one line and exits 1',
    (_, machine, line) => {
      expect(rootless(['echo', 'started'], machine)).toEqual({
        status: 1,
        stdout: '',
        stderr: `vnet: ${line}\n`,
      })
    },
  )

  const WHY = `import { whyNotRootless } from '${TREE}/dist/linux/rootless.js'; console.log(whyNotRootless())`
  const why = (machine: Machine) =>
    ended([...asUser(machine), process.execPath, '--input-type=module', '-e', WHY])

  test('docs/rootless.md has the remedy for every cause', () => {
    const page = readFileSync(new URL('../../docs/rootless.md', import.meta.url), 'utf8')
    const remedies = REFUSALS.map(
      ([, , line]) =>
        /(sudo (?:sysctl -w|chmod|modprobe) [^;]*\w|docker run [^;]*)/.exec(line)?.[1],
    )
    expect(remedies.filter(each => each === undefined)).toHaveLength(1)
    for (const remedy of remedies) {
      expect(page).toContain(remedy ?? 'RestrictNamespaces= of a systemd unit | leave it out')
    }
  })

  test('whyNotRootless returns undefined where it is permitted', () => {
    expect(why({})).toEqual({ status: 0, stdout: 'undefined\n', stderr: '' })
  })

  // The profile is shown as one process's, and whyNotRootless starts another.
  const shown = REFUSALS.filter(([, { before }]) => before !== confined)

  test.each(shown)(
    'refused by %s, whyNotRootless returns the cause and the remedy',
    (_, machine, line) => {
      expect(why(machine)).toEqual({ status: 0, stdout: `${line}\n`, stderr: '' })
    },
  )
})
