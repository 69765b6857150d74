/** A running lab, as `vnet list` and the other commands see it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { startTime } from '#src/control/sockets/directory.ts'
import { privateCandidates } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { asUser, ended, onMachine, TREE, USER } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { runMain, startMain } from '#support/run-main.ts'
import { labsUntil, seen } from '#support/visible-lab.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { runningLabs } from '../../src/commands/running-labs.ts'
import { createLab, createLabWith } from '../../src/network/create-lab.ts'

const LAB_PROCESS = fileURLToPath(new URL('../support/lab-process.mjs', import.meta.url))

/** Runs the program in its own process, with its output read. */
function vnet(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

/** The files of labs of this user. */
const own = () => privateCandidates().flatMap(path => (existsSync(path) ? readdirSync(path) : []))

/** A name that labs of other tests do not have. */
const OWN = `own-${process.pid}`
/** A user without vnets. */
const STRANGER = 1_000_000 + process.pid

const children = new Set<ChildProcess>()
afterEach(() => {
  for (const child of children) {
    child.kill('SIGKILL')
  }
  children.clear()
})

/** Starts a process with a lab called OWN, which is closed when its input ends. */
async function labProcess() {
  const child = spawn(process.execPath, [LAB_PROCESS, '1', OWN], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  await once(child.stdout, 'data')
  return child
}

/** Changes wires until `events` prints that: a subscription does not report when it starts. */
async function changedUntil(printed: Promise<void>, ...devices: readonly string[]): Promise<void> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  void printed.then(end, end)
  // A test that has timed out still runs.
  onTestFinished(end)
  for (let n = 1; !isOver; n++) {
    for (const device of devices) {
      await runMain('wire', device, `delay ${n}ms`)
    }
  }
  await printed
}

test('list names both ends of a link LAB:HOST/IF, and commands take these names', async () => {
  await using lab = await createLab({ name: 'seen' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('seen')
  const listed = (await runMain('list', '--names')).stdout.split('\n')
  expect(listed.filter(name => name.startsWith('seen:'))).toEqual([
    'seen:client/server',
    'seen:server/client',
  ])
  expect((await runMain('stats', 'seen:client/server')).stdout).toMatch(
    /^seen:client\/server +vnet +kernel\n/,
  )
  const { stdout } = await runMain('show', 'seen:server/client')
  expect(stdout).toMatch(/^ +driver +lab$/m)
  expect(stdout).toContain(` ${server.interfaces[0]?.addresses.join(' ')}\n`)
  await runMain('cut', 'seen:client/server')
  const carrier = async () => (await server.exec('cat', ['/sys/class/net/client/carrier'])).stdout
  expect(await carrier()).toBe('0\n')
  await runMain('plug', 'seen:client/server')
  expect(await carrier()).toBe('1\n')
})

test('clients get the segment of each port of a lab, and see which interfaces belong to routers', async () => {
  await using lab = await createLab({ name: 'drawn' })
  const lans = { wifi: { ports: ['tv', 'home'] }, office: { ports: ['tv'] } }
  await lab.topology({ hosts: ['tv'], routers: { home: { inside: ['tv'] } }, lans })
  await lab.lan({}, lab.hosts('guest')[0])
  await seen('drawn', 6)
  using client = new ControlClient(loadNative())
  const devices = await client.devices(runningLabs().find(({ name }) => name === 'drawn')!.vnet)
  const own = devices.filter(({ netns }) => netns?.startsWith('drawn:'))
  expect(
    own
      .map(({ netns, name, router, labSegment }) => `${netns}/${name} ${router} ${labSegment}`)
      .sort(),
  ).toEqual([
    'drawn:guest/lan false lan',
    'drawn:home/lan true wifi',
    'drawn:home/tv true undefined',
    'drawn:tv/home false undefined',
    'drawn:tv/lan false wifi',
    'drawn:tv/lan2 false office',
  ])
})

test('a lab is found from every network namespace', async () => {
  await using lab = await createLab({ name: 'far' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('far')
  const { status, stdout } = await client.exec(process.execPath, [PROGRAM, 'list', '--names'])
  expect([status, stdout]).toEqual([0, expect.stringContaining('far:server/client\n')])
})

test('vnet wire replaces the text of a lab link, and neither its faults nor its NAT', async () => {
  await using lab = await createLab({ name: 'wires' })
  const [inside, outside] = lab.hosts('inside', 'outside')
  const router = await lab.router('router', { inside: [inside], outside, nat: 'restricted' })
  const link = router.linkTo(outside)
  await link.ab.fault('drop', 'udp port 9')
  await seen('wires', 4)
  using client = new ControlClient(loadNative())
  const devices = await client.devices(runningLabs().find(({ name }) => name === 'wires')!.vnet)
  const translating = devices.filter(({ labNat }) => labNat !== undefined)
  expect(translating.map(({ netns, name, labNat }) => `${netns}/${name} ${labNat}`)).toEqual([
    'wires:router/outside restricted',
  ])
  const set = await runMain('wire', 'wires:router/outside', 'delay 5ms')
  expect(set).toEqual({ status: 0, stdout: '', stderr: '' })
  expect((await link.stats()).ab.stages.map(({ stage }) => stage)).toEqual([
    'nat',
    'fault 1',
    'delay',
  ])
  const from: (string | undefined)[] = []
  const answer: http.RequestListener = ({ socket }, response) => {
    from.push(socket.remoteAddress)
    response.end('x')
  }
  const port = await outside.listen(http.createServer(answer), 0, outside.addresses[0])
  await (await inside.fetch(`http://${outside.addresses[0]}:${port}/`)).text()
  expect(from).toEqual([router.addresses.find(each => each.startsWith('198.18.2.'))])
  // The test itself still changes what it has set.
  await link.wire('')
  expect((await link.stats()).ab.stages.map(({ stage }) => stage)).toEqual(['nat', 'fault 1'])
  const refused = await runMain('wire', 'wires:router/outside', 'delay 5')
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('unit')])
})

test('vnet wire shows what replaced stages of a lab link have dropped', async () => {
  await using lab = await createLab({ name: 'former' })
  const [client, server] = lab.hosts('client', 'server')
  const link = await lab.cable(client, server, { wire: { ab: 'loss 100%' } })
  await client.exec('ping', ['-c1', '-W0.1', '198.18.1.2'])
  await link.wire('')
  await seen('former')
  const shown = (await runMain('wire', '--json', 'former:client/server')).stdout.trim().split('\n')
  expect(
    shown.map(line => JSON.parse(line)).filter(({ direction }) => direction === 'ab'),
  ).toMatchObject([
    { stage: null },
    {
      stage: 'loss',
      text: 'loss 100%',
      former: true,
      in: expect.any(Number),
      drops: { loss: expect.any(Number) },
    },
  ])
  const { stdout } = await runMain('wire', 'former:client/server')
  expect(stdout).toMatch(
    /^former:client\/server ab: off\n.*\n {2}ab former loss 100% dropped: loss \d+\n/,
  )
})

test('labs of one name are called LAB-PID in every command', async () => {
  const [one, two] = await Promise.all([labProcess(), labProcess()])
  const names = [`${OWN}-${one.pid}`, `${OWN}-${two.pid}`].sort()
  const labs = await labsUntil(labs => names.every(name => labs.some(lab => lab.name === name)))
  expect(
    labs
      .map(({ name }) => name)
      .filter(name => name.startsWith(OWN))
      .sort(),
  ).toEqual(names)
  const device = `${OWN}-${one.pid}:client/server`
  expect((await runMain('list', '--names')).stdout).toContain(`${device}\n`)
  expect((await runMain('stats', device)).stdout).toContain(`${device} `)
  expect(await runMain('wire', device, 'delay 1ms')).toMatchObject({ status: 0, stderr: '' })
  expect((await runMain('wire', device)).stdout).toContain(`${device} ab: delay 1ms\n`)
  expect((await runMain('wire', `${OWN}-${two.pid}:client/server`)).stdout).toContain('ab: off\n')
  expect((await runMain('wire', `${OWN}:client/server`)).status).toBe(1)
  for (const child of [one, two]) {
    child.stdin.end('\n')
    await once(child, 'exit')
  }
})

test('every command takes the name of a lab with its process, as in VNET_LAB, although the name alone is unique', async () => {
  await using lab = await createLab({ name: 'alone' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('alone')
  const device = `alone-${process.pid}:client/server`
  const events = startMain('events', device)
  expect((await runMain('stats', device)).stdout).toMatch(/^alone:client\/server /)
  expect((await runMain('show', device)).stdout).toMatch(/^alone:client\/server\n/)
  const other = await runMain('wire', `alone-${process.pid + 1}:client/server`)
  expect(other.stderr).toContain(`no interface is called alone-${process.pid + 1}:client/server`)
  await changedUntil(
    events.until(stdout => stdout.includes('alone:client/server: wire ab: delay ')),
    device,
  )
  expect((await events.end()).stdout).not.toContain('alone:server/client')
})

test('events of labs of one name have the process in the name', async () => {
  const [one, two] = await Promise.all([labProcess(), labProcess()])
  const names = [one, two].map(({ pid }) => `${OWN}-${pid}`)
  await labsUntil(labs => names.every(name => labs.some(lab => lab.name === name)))
  const events = startMain('events', `${names[0]}:client/server`)
  await changedUntil(
    events.until(stdout => stdout.includes(`${names[0]}:client/server: wire ab: delay `)),
    ...names.map(name => `${name}:client/server`),
  )
  expect((await events.end()).stdout).not.toContain(names[1])
  for (const child of [one, two]) {
    child.stdin.end('\n')
    await once(child, 'exit')
  }
})

test('other processes do not see a hidden lab, like the warm-up of a test process', async () => {
  await using hidden = await createLabWith({}, { isHidden: true })
  const [quiet, other] = hidden.hosts('quiet', 'other')
  await hidden.cable(quiet, other)
  const child = await labProcess()
  // It becomes visible later than the hidden one would have.
  await labsUntil(labs => labs.some(({ pid }) => pid === child.pid))
  expect(own().filter(name => name.startsWith(`${process.pid}-`))).toEqual([])
  await using lab = await createLab({ name: 'beside' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('beside')
  expect(runningLabs().flatMap(({ hosts }) => [...hosts.keys()])).not.toContain('quiet')
  child.stdin.end('\n')
  await once(child, 'exit')
})

test('a lab leaves none of the files by which it is found, and removes the files of a killed lab', async () => {
  const files = (pid: number | undefined) => own().filter(name => name.startsWith(`${pid}-`))
  const killed = await labProcess()
  await labsUntil(labs => labs.some(({ pid }) => pid === killed.pid))
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  expect(files(killed.pid)).toHaveLength(2)
  {
    await using lab = await createLab({ name: 'next' })
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await seen('next')
    expect(files(process.pid)).toHaveLength(2)
  }
  expect([files(killed.pid), files(process.pid)]).toEqual([[], []])
})

test('another user can neither read which labs of root run, nor connect to them', async () => {
  await using lab = await createLab({ name: 'private' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('private')
  const script = `
import socket, sys
for call in [lambda path: open(path + '.json'), lambda path: socket.socket(socket.AF_UNIX).connect(path + '.sock')]:
    try: call(sys.argv[1])
    except OSError as error: print(error.strerror)`
  const [{ vnet } = { vnet: '' }] = runningLabs()
  const path = vnet.replace(/\.sock$/, '')
  expect(ended([...USER, '/usr/bin/python3', '-c', script, path])).toEqual({
    status: 0,
    stdout: 'Permission denied\nPermission denied\n',
    stderr: '',
  })
})

test('lab list shows labs with their hosts', async () => {
  await using lab = await createLab({ name: 'listed' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('listed')
  const { stdout } = await runMain('lab', 'list')
  expect(stdout.split('\n').map(line => line.split(/ +/))).toContainEqual([
    'listed',
    `${process.pid}`,
    'client',
    'server',
  ])
  const { labs } = JSON.parse((await runMain('lab', 'list', '--json')).stdout)
  expect(labs).toContainEqual({
    name: 'listed',
    pid: process.pid,
    hosts: ['client', 'server'],
    links: ['client/server', 'server/client'],
  })
})

test('lab exec runs a command in a host, in which the others have their names', async () => {
  const child = await labProcess()
  await labsUntil(labs => labs.some(({ pid }) => pid === child.pid))
  const ping = vnet('lab', 'exec', `${OWN}:client`, '--', 'ping', '-c1', '-W10', 'server')
  expect([ping.status, ping.stdout]).toEqual([0, expect.stringContaining('64 bytes from server')])
  const environment = vnet(
    'lab',
    'exec',
    `${OWN}:client`,
    'sh',
    '-c',
    'env | grep ^VNET_[IL] | LC_ALL=C sort',
  )
  const lab = `${OWN}-${child.pid}`
  expect(environment.stdout).toBe(`VNET_IP4_CLIENT=198.18.1.1
VNET_IP4_CLIENT__SERVER=198.18.1.1
VNET_IP4_SERVER=198.18.1.2
VNET_IP4_SERVER__CLIENT=198.18.1.2
VNET_IP6_CLIENT=2001:db8:0:1::1
VNET_IP6_CLIENT__SERVER=2001:db8:0:1::1
VNET_IP6_SERVER=2001:db8:0:1::2
VNET_IP6_SERVER__CLIENT=2001:db8:0:1::2
VNET_LAB=${lab}
`)
  expect(vnet('lab', 'exec', `${lab}:client`, 'sh', '-c', 'exit 3').status).toBe(3)
  expect(vnet('lab', 'exec', `${OWN}:client`, 'sh', '-c', 'kill -TERM $$').status).toBe(128 + 15)
  expect(vnet('lab', 'exec', `${OWN}:client`, '--', 'no-such-program')).toEqual({
    status: 127,
    stdout: '',
    stderr: 'vnet: exec no-such-program: No such file or directory (errno 2)\n',
  })
  const unknown = vnet('lab', 'exec', `${OWN}:other`, 'true')
  expect(unknown.status).toBe(1)
  expect(unknown.stderr).toMatch(new RegExp(`^vnet: no host is called ${OWN}:other; there are .*:`))
  const shell = spawnSync(process.execPath, [PROGRAM, 'lab', 'shell', `${OWN}:server`], {
    encoding: 'utf8',
    env: { ...process.env, SHELL: '/bin/sh' },
    input: 'ls /sys/class/net\n',
  })
  expect(shell).toMatchObject({ status: 0, stdout: 'client\nlo\n', stderr: '' })
  child.stdin.end('\n')
  await once(child, 'exit')
})

test('lab exec finds IPv4 hosts by the addresses of a NAT64, like a program of the lab', async () => {
  const lab = `${OWN}-nat64`
  await using made = await createLab({ name: lab })
  const [phone, server] = made.hosts('phone', 'server')
  const internet = await made.router('internet')
  await made.cable(server, internet, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] })
  const router = await made.router('router', { inside: [phone], outside: internet, nat: 'nat64' })
  await seen(lab, 6)
  const sorted = (text: string) => text.split('\n').sort().join('\n')
  for (const host of [phone, router, server]) {
    const { stdout, ...end } = vnet('lab', 'exec', `${lab}:${host.name}`, 'cat', '/etc/hosts')
    expect(end).toEqual({ status: 0, stderr: '' })
    expect(sorted(stdout)).toBe(sorted((await host.exec('cat', ['/etc/hosts'])).stdout))
    expect(stdout.includes('64:ff9b::c000:201 server')).toBe(host === phone)
  }
})

test('lab exec passes Ctrl-C on to its program if no terminal has, and leaves no directory', async () => {
  const child = await labProcess()
  await labsUntil(labs => labs.some(({ pid }) => pid === child.pid))
  const command = ['lab', 'exec', `${OWN}:client`, '--', 'sh', '-c', 'echo up; exec sleep 1000']
  const program = spawn(process.execPath, [PROGRAM, ...command])
  children.add(program)
  const directories = () => readdirSync(tmpdir()).filter(name => name.includes(`-${program.pid}-`))
  await once(program.stdout, 'data')
  expect(directories()).toEqual([expect.stringMatching(/^vnet-lab-\d+-\d+-\w+$/)])
  program.kill('SIGINT')
  expect(await once(program, 'exit')).toEqual([128 + 2, null])
  expect(directories()).toEqual([])
  child.stdin.end('\n')
  await once(child, 'exit')
})

test('a program of lab exec is killed when the lab ends', async () => {
  const lab = await createLab({ name: 'ends' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  await seen('ends')
  const program = spawn(process.execPath, [
    PROGRAM,
    'lab',
    'exec',
    'ends:client',
    'sh',
    '-c',
    'echo up; exec sleep 1000',
  ])
  await once(program.stdout, 'data')
  children.add(program)
  const exit = once(program, 'exit')
  await lab.close()
  expect(await exit).toEqual([128 + 9, null])
})

test('an ordinary user sees, changes and enters a rootless lab from outside of its namespaces', () => {
  const command = `${process.execPath} ${TREE}/dist/vnet.js`
  const script = `
    mkfifo /tmp/labsee-$$ && trap 'rm /tmp/labsee-$$' EXIT
    ${command} rootless -- ${process.execPath} ${TREE}/packages/lab/test/support/lab-process.mjs 1 ${OWN} < /tmp/labsee-$$ > /dev/null &
    exec 3> /tmp/labsee-$$
    until ${command} lab list | grep -q ${OWN}; do :; done
    ${command} list --names | grep ${OWN}
    ${command} wire ${OWN}:client/server 'delay 1ms'
    ${command} wire ${OWN}:client/server | head -1
    ${command} lab exec ${OWN}:client -- ping -qc1 -W10 server | grep -o '1 received'
    ${command} capture ${OWN}:client/server - 2> /dev/null | head -c 4 | od -An -tx1
    echo end >&3; wait`
  const { status, stdout } = ended([...asUser(), 'sh', '-c', script])
  const names = `${OWN}:client/server\n${OWN}:server/client\n`
  expect([status, stdout]).toEqual([
    0,
    `${names}${OWN}:client/server ab: delay 1ms\n1 received\n 0a 0d 0d 0a\n`,
  ])
})

test('root sees, with --user, the labs of another user, and enters them as that user', () => {
  const command = `${process.execPath} ${TREE}/dist/vnet.js`
  const script = `
    exec 2>&1
    mkfifo -m 666 /run/end
    ${USER.join(' ')} ${command} rootless -- ${process.execPath} ${TREE}/packages/lab/test/support/lab-process.mjs 1 ${OWN} < /run/end > /dev/null &
    exec 3> /run/end
    until ${command} lab list --user ${NOBODY} | grep -q ${OWN}; do :; done
    ${command} lab list 2>&1 | grep '^vnet: user ${NOBODY} '
    ${command} lab exec ${OWN}:client -- true 2>&1 | grep -o 'user ${NOBODY} has.*'
    ${command} lab exec --user ${NOBODY} ${OWN}:client -- sh -c 'id -u; cat /proc/self/uid_map; ls /sys/class/net'
    ${command} wire --user ${NOBODY} ${OWN}:client/server 'delay 1ms' 2>&1 | grep -o 'only root may do this'
    echo "ping -qc1 -W10 server | grep -o '1 received'" | SHELL=/bin/sh ${command} lab shell --user ${NOBODY} ${OWN}:client
    ${USER.join(' ')} ${command} lab exec --user 0 x true 2>&1 || echo $?
    echo end >&3; wait`
  const hint = `user ${NOBODY} has vnets too: vnet lab list --user ${NOBODY}\n`
  const { status, stdout } = ended(onMachine({}, ['sh', '-c', script]))
  expect([status, stdout.replaceAll(/ +/g, ' ')]).toEqual([
    0,
    `vnet: ${hint}${hint}0\n 0 ${NOBODY} 1\nlo\nserver\nonly root may do this\n` +
      '1 received\n' +
      'vnet: --user 0: only root may query the vnets of another user\n2\n',
  ])
})

test('root does not enter the namespaces of a process that another user names as its lab', async () => {
  const directory = `/tmp/vnet-${STRANGER}`
  const sleeper = spawn('sleep', ['60'], { uid: STRANGER, gid: STRANGER })
  mkdirSync(directory, { mode: 0o700 })
  try {
    await using lab = await createLab({ name: 'bait' })
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await seen('bait')
    const [{ vnet } = { vnet: '' }] = runningLabs()
    for (const [pid, why] of [
      [process.pid, 'belongs to another user'],
      [sleeper.pid, `of user ${STRANGER} is not in a user namespace of its own`],
    ] as const) {
      const file = join(directory, `${pid}-ab.json`)
      const entry = JSON.parse(readFileSync(vnet.replace(/sock$/, 'json'), 'utf8'))
      writeFileSync(file, JSON.stringify({ ...entry, pid, startTime: startTime(pid!) }))
      for (const path of [directory, file]) {
        chownSync(path, STRANGER, STRANGER)
      }
      const { status, stderr } = await runMain(
        'lab',
        'exec',
        '--user',
        `${STRANGER}`,
        'bait:client',
        'true',
      )
      const problem = `process ${pid} ${why}`
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `vnet: enter client: permission denied; ${problem}\n`,
      })
      rmSync(file)
    }
  } finally {
    sleeper.kill()
    rmSync(directory, { recursive: true })
  }
})
