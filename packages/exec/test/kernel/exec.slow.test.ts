/**
 * `vnet exec` with programs without vnet code: what reaches the driver, what reaches the kernel,
 * and how the program ends.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, fstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { ownNamespace, readDirectories } from '#src/control/sockets/directory.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { type Child, type Netns, OwnNetns, outcome } from '#support/netns.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { firstOf } from '#support/scale.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import {
  PROGRAM,
  type Running,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'
import { type StandIn, standIn } from '../support/stand-in-driver.ts'
import { SupervisedShell } from '../support/supervised-shell.ts'

const source = fileURLToPath(new URL('../support/client.c', import.meta.url))
const EXEC = [process.execPath, PROGRAM, 'exec', '--']

const directory = fileDirectory()
let client: string
let staticClient: string
let own: OwnNetns
let netns: Netns
let driver: StandIn

let root: SupervisedShell
let nobody: SupervisedShell

beforeAll(() => {
  // An ordinary user reads and writes it, too.
  chmodSync(directory, 0o777)
  client = join(directory, 'client')
  staticClient = join(directory, 'client-static')
  execFileSync('gcc', ['-O1', '-o', client, source, '-lpthread'])
  execFileSync('gcc', ['-O1', '-static', '-o', staticClient, source, '-lpthread'])
  own = new OwnNetns()
  netns = own.addQuiet()
  root = new SupervisedShell(netns.spawn([...EXEC, 'sh']), join(directory, 'root'))
  nobody = new SupervisedShell(
    netns.spawn([...lowered(), ...EXEC, 'sh']),
    join(directory, 'nobody'),
  )
})
afterAll(async () => {
  const ends = [await root.end(), await nobody.end()]
  own.remove()
  for (const end of ends) {
    expect(end).toMatchObject({ status: 0, stderr: '' })
  }
})
beforeEach(() => {
  driver = standIn({ name: 'vnet0', netns: netns.name })
})
afterEach(() => driver[Symbol.dispose]())

/** The command prefix that runs a command in the namespace as user 65534. */
const lowered = () => asNobodyIn(netns).slice(4)

/** Runs `vnet exec WORDS` in the namespace of the driver. */
const execFresh = (...words: string[]) => outcome(netns.spawn([...EXEC, ...words]))

/** Runs a program under a `vnet exec` that has run others. */
const exec = (...words: string[]) => root.run(words)

/** Runs a program as `exec` does, which must write no error, and returns its output. */
async function outputOf(...words: string[]): Promise<string> {
  const { stdout, stderr } = await exec(...words)
  expect(stderr).toBe('')
  return stdout.trim()
}

/** Like `exec`, for an ordinary user who has started `vnet exec` too. */
const execAsNobody = (...words: string[]) => nobody.run(words)

/** Returns a function that waits until the child has written `line` a number of times. */
function linesOf(child: Child, line: string): (times: number) => Promise<void> {
  let [text, errors] = ['', '']
  let look = () => {}
  child.stderr.on('data', more => {
    errors += more
  })
  child.stdout.on('data', more => {
    text += more
    look()
  })
  return times =>
    new Promise((resolve, reject) => {
      child.once('close', status =>
        reject(new Error(`ended with status ${status}: ${text}${errors}`)),
      )
      look = () => {
        if (text.split('\n').filter(each => each === line).length >= times) {
          resolve()
        }
      }
      look()
    })
}

/** Replaces the stand-in with `vnet WORDS` in this process. */
async function running(...words: string[]) {
  driver[Symbol.dispose]()
  return await startVnet([...words, '--netns', netns.name, '--json'])
}

describe('the private ioctls of a running vnet snull', () => {
  test('VNET_IOCTL_RESET_STATS resets the statistics for root, and is EPERM for an ordinary user', async () => {
    const vnet = await running('snull')
    await pingWithoutLoss(netns, '-c 2 -i 0.02 198.18.0.2')
    expect(await execAsNobody(client, 'ioctl', 'sn0', '89f0')).toMatchObject({
      stdout: '-1 EPERM data=0 mtu=0\n',
    })
    // The program's user counts, not the user of its vnet exec.
    const asUser = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
    expect(await outputOf(...asUser, client, 'ioctl', 'sn0', '89f0')).toBe('-1 EPERM data=0 mtu=0')
    expect(await outputOf(client, 'ioctl', 'sn0', '89f1')).toBe('0 ok data=2 mtu=0')
    expect(await outputOf(client, 'ioctl', 'sn0', '89f0')).toBe('0 ok data=0 mtu=0')
    expect(await outputOf(client, 'ioctl', 'sn0', '89f1')).toBe('0 ok data=0 mtu=0')
    expect(await outputOf(client, 'ioctl', 'sn1', '89f1')).toBe('0 ok data=2 mtu=0')
    expect(await outputOf(staticClient, 'ioctl', 'sn1', '89f0')).toBe('0 ok data=0 mtu=0')
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 0, rxPackets: 0 })
    }
  })

  test('the ioctls read and write the program’s memory, for root and for an ordinary user', async () => {
    await running('snull')
    expect(await outputOf(client, 'ioctl', 'sn0', '89f3', '5')).toBe('0 ok data=5 mtu=0')
    expect(await execAsNobody(client, 'ioctl', 'sn1', '89f3', '6')).toMatchObject({
      stdout: '-1 EPERM data=6 mtu=0\n',
    })
    expect(await execAsNobody(client, 'ioctl', 'sn1', '89f2')).toMatchObject({
      stdout: '0 ok data=5 mtu=0\n',
    })
    expect(await outputOf(client, 'bad-memory', 'sn0')).toBe('-1 EFAULT\n-1 EFAULT\n-1 EBADF')
    expect(await outputOf(client, 'ioctl', 'sn0', '89f4')).toBe('-1 EOPNOTSUPP data=0 mtu=0')
  })

  test('SIOCSIFMAP sets the interrupt while the interface is down, and is refused otherwise', async () => {
    await running('snull')
    expect(await outputOf(client, 'map', 'sn0', '0')).toBe('-1 0 irq=0 base=0')
    netns.ip('link set sn0 down')
    expect(await outputOf(client, 'map', 'sn0', '300')).toBe('-1 0 irq=0 base=0')
    expect(await execAsNobody(client, 'map', 'sn0', '0')).toMatchObject({
      stdout: '-1 0 irq=0 base=0\n',
    })
    expect(await outputOf(client, 'map', 'sn0', '0')).toBe('0 0 irq=5 base=0')
  })
})

describe('private ioctls', () => {
  test.each([
    ['a dynamic program', () => client],
    ['a static program', () => staticClient],
  ])(
    'private ioctls of %s return the driver’s result, with memory and ifreq changed',
    async (_, path) => {
      expect(await outputOf(path(), 'ioctl', 'vnet0', '89f0')).toBe('0 ok data=0 mtu=0')
      expect(await outputOf(path(), 'ioctl', 'vnet0', '89f1')).toBe('0 ok data=12345 mtu=0')
      expect(await outputOf(path(), 'ioctl', 'vnet0', '89f2')).toBe('7 ok data=0 mtu=4242')
      expect(await outputOf(path(), 'ioctl', 'vnet0:1', '89f2')).toBe('7 ok data=0 mtu=4242')
      expect(await outputOf(path(), 'ioctl', 'vnet0', '89f5')).toBe('-1 EOPNOTSUPP data=0 mtu=0')
      expect(driver.asked.map(({ cmd }) => cmd)).toEqual([0x89f0, 0x89f1, 0x89f2, 0x89f2, 0x89f5])
    },
  )

  test('private ioctls set and get a map, which the kernel alone would refuse', async () => {
    expect(await outputOf(client, 'map', 'vnet0', '300')).toBe('0 0 irq=5 base=0x300')
  })

  test('private ioctls of other interfaces, with bad memory or without a socket fail as in the kernel', async () => {
    for (const words of [
      ['ioctl', 'lo', '89f0'],
      ['ioctl', 'nosuch', '89f0'],
      ['map', 'lo'],
    ]) {
      const bare = await outcome(netns.spawn([client, ...words]))
      expect(await outputOf(client, ...words)).toBe(bare.stdout.trim())
    }
    expect(await outputOf(client, 'bad-memory', 'vnet0')).toBe('-1 EFAULT\n-1 EFAULT\n-1 EBADF')
    expect(driver.asked).toHaveLength(1)
  })

  test('private ioctls of threads and forked processes each return their own result', async () => {
    expect(await outputOf(client, 'threads', 'vnet0', '4', '200')).toBe('800')
    expect(await outputOf(client, 'forks', 'vnet0', '0', '200')).toBe('4')
  })

  test('private ioctls of an ordinary user’s program reach the driver', async () => {
    expect(await execAsNobody(client, 'ioctl', 'vnet0', '89f2')).toMatchObject({
      status: 0,
      stdout: '7 ok data=0 mtu=4242\n',
    })
  })

  test('private ioctls are looked up in the namespace of the program’s socket, not of its process', async () => {
    const other = own.addQuiet()
    const there = ['ip', 'netns', 'exec', other.name]
    expect(await outputOf(...there, client, 'ioctl', 'vnet0', '89f2')).toBe(
      '-1 ENODEV data=0 mtu=0',
    )
    expect(driver.asked).toEqual([])
    driver[Symbol.dispose]()
    driver = standIn({ name: 'vnet0', netns: other.name })
    expect(await outputOf(...there, client, 'ioctl', 'vnet0', '89f2')).toBe('7 ok data=0 mtu=4242')
    expect(await outputOf(client, 'ioctl', 'vnet0', '89f2')).toBe('-1 ENODEV data=0 mtu=0')
  })

  test('private ioctls reach the kernel until a driver runs, and then the driver', async () => {
    driver[Symbol.dispose]()
    expect(await outputOf(client, 'ioctl', 'vnet0', '89f2')).toBe('-1 ENODEV data=0 mtu=0')
    driver = standIn({ name: 'vnet0', netns: netns.name })
    expect(await outputOf(client, 'ioctl', 'vnet0', '89f2')).toBe('7 ok data=0 mtu=4242')
  })
})

describe('generic netlink', () => {
  let vnet: Running
  beforeEach(async () => {
    vnet = await running('loop')
  })

  const echoed = 'nlctrl=16 vnet_nl=0x3f0 text=hallo from=0 mine=1 more=0\n'
  describe.each([
    ['root', exec],
    ['nobody', execAsNobody],
  ])('of %s', (_, run) => {
    test.each(['sendto', 'sendmsg', 'sendmmsg', 'write', 'writev'])(
      'a program resolves vnet_nl and gets its echo by %s',
      async how => {
        expect(await run(client, 'echo', 'hallo', how)).toEqual({
          status: 0,
          stdout: echoed,
          stderr: '',
        })
      },
    )

    test('iproute2 shows the family and its policy, and the kernel’s families', async () => {
      const shown = async (...words: string[]) =>
        (await run('genl', 'ctrl', ...words)).stdout.trim()
      expect(await shown('get', 'name', 'vnet_nl')).toMatch(/^Name: vnet_nl\n\tID: 0x3f0/)
      expect(await shown('policy', 'name', 'vnet_nl')).toMatch(
        /^ID: 0x3f0 {2}op 1 policies: do=0$/m,
      )
      expect(await shown('get', 'name', 'nlctrl')).toMatch(/^Name: nlctrl\n\tID: 0x10/)
      expect(await shown('list')).toMatch(/^Name: vnet_nl$/m)
    })

    test('a dump of all families is the kernel’s with vnet_nl at its end', async () => {
      const kernels = await outcome(netns.spawn([client, 'families', '0']))
      expect(kernels.stdout).toMatch(/^nlctrl\n/)
      const all = { status: 0, stdout: `${kernels.stdout}vnet_nl\n`, stderr: '' }
      expect(await run(client, 'families', '0')).toEqual(all)
    })

    test('a long reply arrives whole, in datagrams that fit a small buffer', async () => {
      await vnet.stop()
      await running('loop', '--txqs', '40')
      const { stdout } = await run(client, 'statistics')
      expect(stdout).toBe('41 messages, many datagrams\n')
    })

    test('sendmmsg sends messages for vnet_nl up to the first for the kernel', async () => {
      const answered = async (whose: string) => (await run(client, 'several', whose)).stdout.trim()
      expect(await answered('vvv')).toBe('3 1 1 1 0:family 1:family 2:family')
      expect(await answered('vvk')).toBe('2 1 1 0 0:family 1:family')
      expect(await answered('kvk')).toBe('3 1 1 1 0:family 1:error 2:family')
    })
  })

  test.each(
    firstOf(1, [
      ['SUBSCRIBE, nobody’s program,', 'subscribe', execAsNobody],
      ['the group', 'group', exec],
      ['SUBSCRIBE', 'subscribe', exec],
    ] as const),
  )('a subscriber by %s gets events until it unsubscribes', async (_, how, run) => {
    const child = netns.spawn([
      ...(run === execAsNobody ? lowered() : []),
      ...EXEC,
      client,
      'events',
      how,
      '2',
    ])
    const end = outcome(child)
    const done = linesOf(child, '0 ok')
    await done(1)
    netns.ip('link set vnet0 down', 'link set vnet0 up')
    await done(2)
    netns.ip('link set vnet0 down')
    await expect.poll(() => vnet.stdout.match(/closed/g)).toHaveLength(2)
    child.stdin.end('x')
    const events = [4, 3].map(event => `type=0x3f0 seq=0 from=0 event=${event} of vnet0\n`).join('')
    expect(await end).toEqual({ status: 0, stdout: `0 ok\n${events}0 ok\nmore=0\n`, stderr: '' })
  })

  // Only in long runs, which start fewer tests at a time.
  test.each(
    firstOf(0, [
      ['the group', 'group'],
      ['SUBSCRIBE', 'subscribe'],
    ] as const),
  )('a subscriber by %s gets the events of a vnet that started later', async (_, how) => {
    const child = netns.spawn([...EXEC, client, 'events', how, '1'])
    const end = outcome(child)
    const done = linesOf(child, '0 ok')
    await done(1)
    const later = await spawnVnet(['snull', '--no-address', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    })
    // Vnets of other tests come and go meanwhile, and their commands connect to this one, too.
    const files = `/proc/${child.pid}/fd`
    const sockets = () =>
      readdirSync(files).map(fd => attempt(() => readlinkSync(`${files}/${fd}`)))
    const peers = () =>
      netns.exec('ss -xH').matchAll(RegExp(`/run/vnet/${later.pid}-\\S* +\\d+ +\\* +(\\d+)`, 'g'))
    await expect
      .poll(() => [...peers()].some(([, inode]) => sockets().includes(`socket:[${inode}]`)))
      .toBe(true)
    // The vnet replies to this after it has handled the subscription on that connection.
    expect(await netns.run(`${process.execPath} ${PROGRAM} list`)).toMatchObject({ status: 0 })
    netns.ip('link set sn0 down')
    await done(2)
    child.stdin.end('x')
    const events = 'type=0x3f0 seq=0 from=0 event=4 of sn0\n'
    expect(await end).toEqual({ status: 0, stdout: `0 ok\n${events}0 ok\nmore=0\n`, stderr: '' })
    await later.stop()
  })

  test('a socket gets no events of an earlier socket with the same descriptor number', async () => {
    const child = netns.spawn([...EXEC, client, 'reopened'])
    const end = outcome(child)
    await linesOf(child, '0 ok')(1)
    netns.ip('link set vnet0 down')
    await vnet.line(/closed/)
    child.stdin.end('x')
    expect(await end).toEqual({ status: 0, stdout: '0 ok\n0x3f0 more=0\n', stderr: '' })
  })

  test('only root may join the group', async () => {
    expect(await execAsNobody(client, 'events', 'group', '1')).toEqual({
      status: 0,
      stdout: '-1 EPERM\n',
      stderr: '',
    })
    const asUser = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
    expect(await outputOf(...asUser, client, 'events', 'group', '1')).toBe('-1 EPERM')
  })

  test('a vnet that replaces another one replies too', async () => {
    const script = `c='${client} echo hallo sendto'; $c; read line; $c; read line; $c`
    const child = netns.spawn([...lowered(), ...EXEC, 'sh', '-c', script])
    const end = outcome(child)
    await linesOf(child, echoed.trim())(1)
    await vnet.stop()
    const none = 'no family, nlctrl 16\n'
    const silent = linesOf(child, none.trim())(1)
    child.stdin.write('\n')
    await silent
    await running('loop')
    child.stdin.end('\n')
    expect(await end).toEqual({ status: 0, stdout: `${echoed}${none}${echoed}`, stderr: '' })
  })

  test('a change by an ordinary user’s program is refused by the driver, not by the kernel', async () => {
    const { stdout } = await execAsNobody(client, 'ask', '4')
    expect(stdout).toBe('-1 EPERM\n')
    expect(await outputOf(client, 'ask', '4')).toBe('-1 EINVAL')
  })

  test('thousands of echoes remain in order', async () => {
    expect(Number(await outputOf(client, 'echo', 'x', 'sendto', '2000'))).toBeGreaterThan(0)
  })
})

describe('vnet_nl for an ordinary user’s program', () => {
  test('vnet_nl is available to an ordinary user if the running vnet has no capabilities', async () => {
    const made = await running('--name', 'tap0', '--persist', '--user', `${NOBODY}`)
    onTestFinished(() => void netns.ip('link delete tap0'))
    await stopConserved(made)
    const vnet = await spawnVnet(['--name', 'tap0', '--json'], { within: asNobodyIn(netns) })
    expect(await execAsNobody(client, 'echo', 'hallo', 'sendto')).toMatchObject({ status: 0 })
    expect(await execAsNobody('genl', 'ctrl', 'get', 'name', 'nlctrl')).toMatchObject({ status: 0 })
    // The user of the interface may set its carrier; the request lacks what to set it to.
    expect(await execAsNobody(client, 'ask', '4')).toMatchObject({ stdout: '-1 EINVAL\n' })
    await stopConserved(vnet)
  })

  test('vnet_nl is available if the running vnet cannot see the program’s process', async () => {
    driver[Symbol.dispose]()
    const within = ['ip', 'netns', 'exec', netns.name, 'unshare', '--pid', '--fork', '--kill-child']
    const vnet = await spawnVnet(['loop', '--json'], { within })
    // Other vnets may start and end in pid namespaces at the same time.
    const { ino } = fstatSync(netns.fd)
    const pidns = ownNamespace('pid')
    const made = readDirectories().filter(entry => entry.netns === ino && entry.pidns !== pidns)
    expect(made).not.toEqual([])
    const results = [
      await execAsNobody(client, 'echo', 'hallo', 'sendto'),
      await exec(client, 'echo', 'hallo', 'sendto'),
    ]
    await vnet.stop('SIGKILL')
    // The kernel ends the child process of `unshare`, and then its interface, a moment later.
    await expect.poll(() => netns.ip('-br link')).not.toContain('vnet0')
    // If its process is invisible, it is not known to be gone: another vnet is found anyway.
    const other = await running('loop')
    expect(await outputOf(client, 'echo', 'hallo', 'sendto')).toMatch(/text=hallo from=0/)
    await other.stop()
    for (const { vnet } of made) {
      for (const name of [vnet, vnet.replace(/sock$/, 'json')]) {
        rmSync(name)
      }
    }
    for (const { stdout } of results) {
      expect(stdout).toMatch(/text=hallo from=0/)
    }
  })
})

describe('the program', () => {
  test.each(
    firstOf(1, [
      ['exit 7', 7],
      ['exit 0', 0],
    ] as const),
  )('vnet exec exits with the status of the program: %s', async (script, status) => {
    expect(await execFresh('sh', '-c', script)).toEqual({ status, stdout: '', stderr: '' })
  })

  test.each(firstOf(1, ['TERM', 'KILL', 'INT', 'SEGV', 'USR1']))(
    'a program that SIG%s ends makes vnet exec end by the same signal',
    async signal => {
      const script = 'import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)'
      const numbers: Record<string, number> = { TERM: 15, KILL: 9, INT: 2, SEGV: 11, USR1: 10 }
      const child = netns.spawn([
        'python3',
        '-c',
        script,
        ...EXEC,
        'sh',
        '-c',
        `kill -${signal} $$`,
      ])
      expect(await outcome(child)).toEqual({
        status: 0,
        stdout: `-${numbers[signal]}\n`,
        stderr: '',
      })
    },
  )

  test('a missing program is status 127, one that cannot be executed is 126, each with one line', async () => {
    expect(await execFresh('/nonexistent')).toEqual({
      status: 127,
      stdout: '',
      stderr: 'vnet: /nonexistent: not found\n',
    })
    expect(await execFresh('/etc/passwd')).toEqual({
      status: 126,
      stdout: '',
      stderr: 'vnet: /etc/passwd: permission denied\n',
    })
  })

  test('the program has the standard streams of vnet exec', async () => {
    const child = netns.spawn([...EXEC, 'sh', '-c', 'cat; echo err >&2'])
    const end = outcome(child)
    child.stdin.end('in\n')
    expect(await end).toEqual({ status: 0, stdout: 'in\n', stderr: 'err\n' })
  })

  test.each(firstOf(1, ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1'] as const))(
    'receives %s that is sent to vnet exec',
    async signal => {
      const script = `trap 'echo got; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`
      const child = netns.spawn([...EXEC, 'bash', '-c', script])
      const end = outcome(child)
      child.stdout.once('data', () => child.kill(signal))
      expect(await end).toEqual({ status: 3, stdout: 'ready\ngot\n', stderr: '' })
    },
  )

  test('vnet exec under vnet exec is refused in one line', async () => {
    const { status, stderr } = await execFresh(...EXEC, 'true')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vnet: seccomp: it is supervised already: .*\n$/)
  })
})

describe('after a failure', () => {
  test('a program killed during a call harms neither driver nor supervisor', async () => {
    const script = `${client} ioctl vnet0 89f3 & hung=$!; read line; kill -9 $hung; wait $hung; ${client} ioctl vnet0 89f2`
    const child = netns.spawn([...EXEC, 'bash', '-c', script])
    const end = outcome(child)
    await driver.hung
    child.stdin.end('\n')
    expect(await end).toMatchObject({ status: 0, stdout: '7 ok data=0 mtu=4242\n' })
  })

  test('once the supervisor is killed all calls fail with ENOSYS, the waiting one included', async () => {
    const script = `echo $PPID; ${client} ioctl vnet0 89f3; ${client} ioctl vnet0 89f2`
    const child = netns.spawn([...EXEC, 'bash', '-c', script])
    const end = outcome(child)
    const supervisor = await new Promise<number>(resolve =>
      child.stdout.once('data', text => resolve(Number(text))),
    )
    await driver.hung
    process.kill(supervisor, 'SIGKILL')
    // The program has the same streams, and continues.
    expect((await end).stdout.split('\n').slice(1)).toEqual([
      '-1 ENOSYS data=0 mtu=0',
      '-1 ENOSYS data=0 mtu=0',
      '',
    ])
  })

  test('a call whose driver ends is run by the kernel', async () => {
    const end = execFresh(client, 'ioctl', 'vnet0', '89f3')
    await driver.hung
    driver[Symbol.dispose]()
    expect(await end).toMatchObject({ stdout: '-1 ENODEV data=0 mtu=0\n' })
  })
})

describe('in this process', () => {
  test('the supervisor sends a call in another namespace to the driver there', async () => {
    const out = join(directory, 'out')
    const there = `ip netns exec ${netns.name} ${client}`
    const words = ['ioctl vnet0 89f2', 'echo hallo sendmsg', 'echo hallo write', 'ioctl lo 89f0']
    const script = `(${words.map(each => `${there} ${each}`).join(';')}) > ${out}; exit 5`
    expect(await runMain('exec', 'sh', '-c', script)).toEqual({ status: 5, stdout: '', stderr: '' })
    expect(readFileSync(out, 'utf8').split('\n')).toEqual([
      '7 ok data=0 mtu=4242',
      'nlctrl=16 vnet_nl=0x3f0 text=hallo from=0 mine=1 more=0',
      'nlctrl=16 vnet_nl=0x3f0 text=hallo from=0 mine=1 more=0',
      '-1 EOPNOTSUPP data=0 mtu=0',
      '',
    ])
  })

  test('a missing program is status 127 in this process, too', async () => {
    expect(await runMain('exec', '/nonexistent')).toMatchObject({
      status: 127,
      stderr: 'vnet: /nonexistent: not found\n',
    })
    expect(await runMain('exec')).toMatchObject({ status: 2 })
  })
})
