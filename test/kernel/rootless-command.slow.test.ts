/** `vnet rootless`: features that work inside, and data that passes through. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, test } from 'vitest'
import {
  asUser,
  ended,
  onMachine,
  rootless,
  script,
  TREE,
  USER,
  VNET_ROOTLESS,
} from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { firstOf } from '#support/scale.ts'

/** Root's commands that give the user subordinate ids. */
const SUBORDINATE = `
  echo nobody:100000:65536 > /run/subid
  for file in /etc/subuid /etc/subgid; do [ -e $file ] || touch $file; mount --bind /run/subid $file; done`

describe('inside', () => {
  test('an ordinary user is root of a network of its own, in which lo is up', () => {
    expect(
      script(
        'id -u; ls /sys/class/net; ping -c 1 -W 30 127.0.0.1 | grep -c " 1 received"; ip -br link',
      ),
    ).toMatch(/^0\nlo\n1\nlo +UNKNOWN [^\n]*\n$/)
  })

  test("Playwright's cache is the one that the user has outside, or has set", () => {
    const text = 'echo $PLAYWRIGHT_TRANSFORM_CACHE_DIR'
    expect(script(text)).toBe(`${tmpdir()}/playwright-transform-cache-${NOBODY}\n`)
    expect(script(text, { by: ['env', 'PWTEST_CACHE_DIR=/run/cache'] })).toBe('/run/cache\n')
  })

  test('ip netns makes, enters and removes namespaces, which are not seen outside', () => {
    const text = `
      ip netns add red; ip netns add blue; ip netns list
      ip -n red link add r type veth peer name b netns blue
      ip netns exec blue ls /sys/class/net
      ip netns del red; ip netns list; readlink /proc/self/ns/net`
    expect(script(text)).toMatch(/^blue\nred\nb\nlo\nblue\nnet:\[\d+\]\n$/)
    expect(readdirSync('/run/netns').filter(name => ['red', 'blue'].includes(name))).toEqual([])
  })

  test('tcpdump captures inside without an option, and its file belongs to the user', () => {
    const text = `
      ping -i 0.2 127.0.0.1 > /dev/null & trap "kill $!" EXIT
      tcpdump -tnli lo -c 1 icmp
      tcpdump -ni lo -c 1 -w /run/a.pcap icmp
      stat -c %u /run/a.pcap`
    const captured = /^IP 127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo [^\n]*\n0\n$/
    expect(script(text)).toMatch(captured)
    expect(script(text, { before: SUBORDINATE })).toMatch(captured)
  })

  test('iperf3 measures over lo inside a rootless network', () => {
    const text = `iperf3 -s -1 --forceflush | while read -r line; do
      case $line in *listening*) iperf3 -c 127.0.0.1 -n 1M ;; esac
    done`
    expect(script(text)).toMatch(/receiver\n/)
  })

  test('a program makes a cable between two namespaces', () => {
    const program = `
      import { execFileSync, spawn } from 'node:child_process'
      import { once } from 'node:events'
      import { openCable } from '${TREE}/dist/wire.js'
      for (const name of ['left', 'right']) execFileSync('ip', ['netns', 'add', name])
      const addresses = { a: ['198.18.0.1/24'], b: ['198.18.0.2/24'] }
      const link = await openCable('left/a', 'right/b', { addresses, ab: 'delay 10ms' })
      const ping = ['netns', 'exec', 'left', 'ping', '-c', '1', '-W', '30', '198.18.0.2']
      await once(spawn('ip', ping, { stdio: 'inherit' }), 'close')
      await link.close()`
    const command = [process.execPath, '--input-type=module', '-e', program]
    const { status, stdout, stderr } = rootless(command)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(' 1 received')
  })

  test('vnet runs there and is found by vnet list', () => {
    const text = `
      mkfifo /run/ready
      node dist/vnet.js snull > /run/ready & vnet=$!
      while read -r line; do [ "$line" = ready ] && break; done < /run/ready
      node dist/vnet.js list --names
      ping -c 1 -W 30 198.18.0.2 | grep -c ' 1 received'
      kill $vnet`.replaceAll('node ', `'${process.execPath}' `)
    expect(script(text)).toBe('sn0\nsn1\n1\n')
  })

  test('root gets a network of its own, too, and remains in its user namespace', () => {
    const text =
      'id -u; cat /proc/self/uid_map; ip -br link | cut -d" " -f1; ip netns add red; ls /run/netns'
    const { status, stdout } = ended([
      ...onMachine({ mode: '600' }, []),
      ...VNET_ROOTLESS,
      'sh',
      '-ec',
      text,
    ])
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^0\n +0 +0 +\d+\nlo\nred\n$/),
    })
    expect(readdirSync('/run/netns')).not.toContain('red')
  })
})

describe('users', () => {
  test('files of other users belong to user 65534, and new ones to the user', () => {
    expect(script('stat -c %u /etc; : > /run/file; stat -c %u /run/file')).toBe('65534\n0\n')
  })

  const other = 'setpriv --reuid=103 --regid=103 --clear-groups id -u'

  test('root is the only user inside by default', () => {
    expect(script(`cat /proc/self/uid_map; ${other} || echo none`)).toMatch(
      /^ +0 +65534 +1\nnone\n$/,
    )
  })

  test('an ordinary user with subordinate ids has other users inside', () => {
    expect(script(`cat /proc/self/uid_map; ${other}`, { before: SUBORDINATE })).toMatch(
      /^ +0 +65534 +1\n +1 +100000 +65536\n103\n$/,
    )
  })

  test('root is the only user inside if newuidmap fails', () => {
    const machine = {
      before: `${SUBORDINATE}\necho nobody:100000:0 > /run/subid`,
      by: ['setpriv', '--no-new-privs'],
    }
    expect(script('cat /proc/self/uid_map', machine)).toMatch(/^ +0 +65534 +1\n$/)
    const privileged = { ...machine, before: SUBORDINATE }
    expect(script('cat /proc/self/uid_map /proc/self/setgroups', privileged)).toMatch(
      /^ +0 +65534 +1\ndeny\n$/,
    )
  })

  test('a program that refuses to be root runs as another user of a namespace within', () => {
    expect(script('unshare --user --map-user=1000 --map-group=1000 id -u')).toBe('1000\n')
  })
})

describe('/run and /sys', () => {
  test('directories, sockets and links of /run are kept, and files of outer programs are not', () => {
    const before = `
      mkdir /run/dbus /run/netns /run/vnet; echo hello > /run/dbus/file; ln -s dbus/file /run/link
      : > /run/xtables.lock; : > /run/netns/outer
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/listener")'`
    const text = `
      for name in dbus link listener xtables.lock netns vnet; do if [ -e /run/$name ]; then echo $name; fi; done
      cat /run/link; test -S /run/listener; : > /run/xtables.lock; mkdir /run/netns /run/vnet`
    expect(script(text, { before })).toBe('dbus\nlink\nlistener\nhello\n')
  })

  test('the control groups are still in the new /sys', () => {
    expect(script('ls /sys/fs/cgroup').trim().split('\n')).toEqual(
      readdirSync('/sys/fs/cgroup').sort(),
    )
  })
})

describe('the command', () => {
  test.each(
    firstOf(2, [
      [['sh', '-c', 'exit 7'], 7, ''],
      [['/nonexistent'], 127, 'vnet: /nonexistent: not found\n'],
      [['/etc/passwd'], 126, 'vnet: /etc/passwd: Permission denied\n'],
      [['sh', '-c', 'kill -KILL $$'], 'SIGKILL', ''],
    ]),
  )('the command %j ends with %s', (command, status, stderr) => {
    expect(rootless(command)).toEqual({ status, stdout: '', stderr })
  })

  test('the command is the process that was started, so it gets its signals', async () => {
    const [program, ...args] = [
      ...asUser(),
      ...VNET_ROOTLESS,
      'sh',
      '-c',
      'trap "exit 3" USR1; echo; read line',
    ]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(readlinkSync(`/proc/${child.pid}/exe`)).toMatch(/sh$/)
    child.kill('SIGUSR1')
    expect(await once(child, 'close')).toEqual([3, null])
  })

  test('another terminal of the user enters the namespaces of the command', async () => {
    const [program, ...args] = [
      ...asUser(),
      ...VNET_ROOTLESS,
      'sh',
      '-c',
      'ip netns add red; echo; read line',
    ]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const enter = [
      'nsenter',
      '--preserve-credentials',
      '--user',
      '--net',
      '--mount',
      '--target',
      `${child.pid}`,
    ]
    expect(ended([...USER, ...enter, 'ip', 'netns', 'list'])).toEqual({
      status: 0,
      stdout: 'red\n',
      stderr: '',
    })
    child.stdin.end()
    await once(child, 'close')
  })

  test('the command ignores no signal and has no descriptor of Node', () => {
    expect(script('grep SigIgn /proc/self/status')).toBe('SigIgn:\t0000000000000000\n')
    expect(script('ls -l /proc/self/fd')).not.toMatch(/anon_inode|node/)
  })

  test('the command reads the standard input and writes a megabyte to a pipe', () => {
    const text = 'x'.repeat(1 << 20)
    expect(rootless(['cat'], {}, text)).toEqual({ status: 0, stdout: text, stderr: '' })
  })

  test('the command has the descriptors that vnet was given', () => {
    const [program, ...args] = [
      ...asUser(),
      ...VNET_ROOTLESS,
      'sh',
      '-c',
      'echo there >&3; echo >&4',
    ]
    const { status, output } = spawnSync(program, args, {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    expect(output[3]).toBe('there\n')
    expect(status).not.toBe(0)
  })

  test('the command has the terminal', () => {
    const words = JSON.stringify([
      ...asUser(),
      ...VNET_ROOTLESS,
      'sh',
      '-c',
      'test -t 0 && test -t 1 && stty -a > /dev/null',
    ])
    const session = `import os, pty; raise SystemExit(os.waitstatus_to_exitcode(pty.spawn(${words})))`
    expect(ended(['python3', '-c', session])).toMatchObject({ status: 0 })
  })

  test('the command has the directory and the environment', () => {
    expect(
      script('pwd; echo $VNET_TEST', { by: ['env', '-C', `${TREE}/docs`, 'VNET_TEST=yes'] }),
    ).toBe(`${TREE}/docs\nyes\n`)
  })
})
