/** What other users and other namespaces cannot do to a running vnet through its control socket. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EAGAIN, ENOPROTOOPT } from '#src/base/errno.ts'
import { ControlClient, findVnets, serveControl } from '#src/control/index.ts'
import { scopeNumbers, vnetAttributes } from '#src/control/protocol/family.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import {
  type Entry,
  ownNamespace,
  readDirectories,
  startTime,
} from '#src/control/sockets/directory.ts'
import {
  makeRunDirectory,
  namedDirectory,
  otherUsers,
  trustedDirectories,
} from '#src/control/sockets/run-directory.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import { SO_PASSRIGHTS } from '#src/linux/uapi.ts'
import type { UserData } from '#src/netdev/ops.ts'
import {
  genlmsghdr,
  MessageBuilder,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from '#src/netlink/index.ts'
import { addDevice, memoryNets, turn } from '#support/memory-net.ts'
import { outcome } from '#support/netns.ts'
import { NOBODY } from '#support/privileges.ts'
import { jsonLines } from '#support/vnet-process.ts'

const native = loadNative()
const memoryNet = memoryNets()
/**
 * As text, and without paths of its own: other users may not get to the file, nor to a python that
 * is not the system's.
 */
const client = readFileSync(new URL('../../support/genl-ask.py', import.meta.url), 'utf8')
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
const FAMILY = 0x3f0
const [GET_STATS, RESET_STATS, ECHO] = [3, 4, 1]
const listener = { onMessage() {}, onEnd() {} }

let directory: string
let ends: { [Symbol.dispose](): void }[]
beforeEach(() => {
  directory = mkdtempSync('/run/vnet-security-')
  chmodSync(directory, 0o755)
  ends = []
})
afterEach(() => {
  for (const end of ends.reverse()) {
    end[Symbol.dispose]()
  }
  rmSync(directory, { recursive: true, force: true })
})

/**
 * Starts a vnet in the directory, with one interface that has many queues. Returns the path of its
 * socket.
 */
async function serve(calls: Native = native): Promise<string> {
  const memory = memoryNet()
  ends.push(serveControl(calls, memory.net, { directory }))
  await addDevice(memory, { ndoSiocdevprivate: addOne }, { name: 'one', txqs: 256, rxqs: 256 })
  return (readDirectories(namedDirectory(directory))[0] as Entry).vnet
}

function addOne(_dev: unknown, _ifr: Uint8Array, data: UserData): void {
  const [first] = data.read(1)
  data.write(Uint8Array.of(first! + 1))
}

function asking({
  user,
  timeoutMs = 30_000,
}: {
  user?: number
  timeoutMs?: number
} = {}): ControlClient {
  const made = new ControlClient(native, { timeoutMs, user })
  ends.push(made)
  return made
}

/** Runs the client under the command `within` and returns the replies that it prints. */
async function ask(
  within: readonly string[],
  vnet: string,
  ...requests: string[]
): Promise<unknown[]> {
  const [program, ...args] = [...within, 'python3', '-c', client, vnet, ...requests] as [
    string,
    ...string[],
  ]
  const { stdout, stderr } = await outcome(spawn(program, args, { stdio: 'pipe', env }))
  expect(stderr).toBe('')
  return jsonLines(stdout)
}

const asUser = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
const reset = `${RESET_STATS}:2=${Buffer.from('one\0').toString('hex')}`
const refused = (why: string) => ({ error: -1, text: expect.stringContaining(why) })

/** Connects as another user. Tries again while the vnet's backlog is full. */
async function connected(vnet: string, uid: number): Promise<Connection> {
  for (;;) {
    const connection = Connection.connect(native, vnet, listener, { uid, gid: uid })
    if (typeof connection !== 'number') {
      connection.unref()
      ends.push({ [Symbol.dispose]: () => connection.close() })
      return connection
    }
    if (connection !== -EAGAIN) throw new Error(`no connection: ${connection}`)
    await turn()
  }
}

const message = (cmd: number, flags: number, write = (_: MessageBuilder) => {}) => {
  const builder = new MessageBuilder()
    .message(FAMILY, NLM_F_REQUEST | flags, 1)
    .payload(genlmsghdr(cmd, 1))
  write(builder)
  return builder.bytes
}

describe('descriptors of a client', () => {
  /**
   * Python functions of a client that passes lingering sockets: the close of one waits for 60 s,
   * because its peer reads nothing.
   */
  const dump = message(GET_STATS, NLM_F_DUMP, b =>
    b.u32(vnetAttributes.scope.type, scopeNumbers.queue),
  )
  const dumps = Buffer.from(dump).toString('hex').repeat(40)
  const lingering = `
import os, socket, struct, sys
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
    return s
def echo():
    return struct.pack('=IHHIIBBHHH4s', 28, ${FAMILY}, 5, 1, 0, ${ECHO}, 1, 0, 8, 1, b'hi!\\0')
kept = []
def pass_one(to):
    server = socket.create_server(('127.0.0.1', 0))
    one = socket.create_connection(server.getsockname())
    kept.append((server, server.accept()))
    one.setblocking(False)
    try:
        while one.send(bytes(1 << 20)): pass
    except BlockingIOError: pass
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 60))
    try: socket.send_fds(to, [echo()], [one.fileno()])
    except PermissionError:
        print('refused', flush=True)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    os.close(one.detach())
def deaf():
    # The vnet reads nothing more until these replies are read, so it is the last to close.
    s = connect()
    s.sendall(bytes.fromhex('${dumps}'))
    return s
def answers(s):
    s.sendall(echo())
    return len(s.recv(4096)) > 0
`
  async function attack(vnet: string, script: string): Promise<string[]> {
    const program = ['python3', '-c', lingering + script, vnet]
    const [command, ...args] = [...asUser(NOBODY), ...program] as [string, ...string[]]
    const { stdout, stderr } = await outcome(spawn(command, args, { stdio: 'pipe', env }))
    expect(stderr).toBe('')
    return stdout.trim().split('\n')
  }
  /** The system calls of a kernel that cannot refuse descriptors, before Linux 6.16. */
  const older: Native = {
    ...native,
    setsockopt: (fd, level, name, value) =>
      name === SO_PASSRIGHTS ? -ENOPROTOOPT : native.setsockopt(fd, level, name, value),
  }

  test('a client cannot pass a descriptor on Linux 6.16 and newer', async ({ skip }) => {
    const vnet = await serve()
    const [first, second] = await attack(vnet, 's = connect(); pass_one(s); print(answers(s))')
    skip(first === '' || second === undefined, 'this kernel has no SO_PASSRIGHTS')
    expect([first, second]).toEqual(['refused', 'True'])
  })

  test('a client that passes a lingering socket to an older kernel is disconnected, and others are served', async () => {
    const vnet = await serve(older)
    const script = `
s = deaf(); pass_one(s)
while s.recv(65536): pass
print('disconnected', answers(connect()))`
    expect(await attack(vnet, script)).toEqual(['disconnected True'])
  })

  test('a lingering socket that waits in a closed connection to an older kernel delays no other client', async () => {
    const vnet = await serve(older)
    expect(
      await attack(vnet, 's = deaf(); pass_one(s); s.close(); print(answers(connect()))'),
    ).toEqual(['True'])
  })
})

describe('impersonation', () => {
  /**
   * A program of another user that listens at a path, replies to GET_DEVICES with a name of its
   * own, and prints its requests.
   */
  async function impostor(path: string) {
    const program = `
import os, socket, struct, sys
os.setgid(${NOBODY}); os.setuid(${NOBODY})
listening = socket.socket(socket.AF_UNIX); listening.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666); listening.listen()
print('ready', flush=True)
while True:
    client, _ = listening.accept()
    header = client.recv(16, socket.MSG_WAITALL)
    print('asked' if header else 'not asked', flush=True)
    if not header: continue
    name = struct.pack('=HHI', 8, 1, 7) + struct.pack('=HH8s', 12, 2, b'fake')
    for number, value in ((4, 1), (5, 1), (32, 0x1043), (33, 1500)): name += struct.pack('=HHI', 8, number, value)
    for flag in (21, 48): name += struct.pack('=HHB3x', 5, flag, 0)
    name += struct.pack('=HH6s2x', 10, 34, b'\\0SNUL0')
    client.sendall(struct.pack('=IHHIIBBH', 20 + len(name), ${FAMILY}, 2, 1, 0, 2, 1, 0) + name)
    client.sendall(struct.pack('=IHHIIi', 20, 3, 2, 1, 0, 0))
`
    const child = spawn('python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    ends.push({ [Symbol.dispose]: () => child.kill('SIGKILL') })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    await lines.next()
    /** Returns what it prints next about a request. */
    return { said: async (): Promise<string | undefined> => (await lines.next()).value }
  }

  test('a client sends no request to a socket of another user, even if its path is given', async () => {
    chmodSync(directory, 0o777)
    const path = join(directory, '1-a.sock')
    const { said } = await impostor(path)
    await expect(asking().devices(path)).rejects.toMatchObject({
      code: 'EPERM',
      advice: `${path} belongs to user ${NOBODY}, who is neither root nor you`,
    })
    expect(await said()).toBe('not asked')
  })

  test('root does not see the files of another user', async () => {
    chownSync(directory, NOBODY, NOBODY)
    const path = join(directory, `${process.pid}-a.sock`)
    await impostor(path)
    const inode = ownNamespace('net')
    const self = {
      pid: process.pid,
      startTime: startTime(process.pid),
      pidns: ownNamespace('pid'),
      netns: inode,
    }
    const file = path.replace('sock', 'json')
    writeFileSync(
      file,
      JSON.stringify({ ...self, interfaces: [{ name: 'fake', ifindex: 7, inode }] }),
    )
    chownSync(file, NOBODY, NOBODY)
    // Root finds the device only if it names the user.
    const { devices, failed } = await findVnets(asking(), { directory })
    expect([devices, failed.map(({ code }) => code)]).toEqual([[], ['EPERM']])
    const found = await findVnets(asking({ user: NOBODY }), { directory })
    expect(found.devices.map(({ name }) => name)).toEqual(['fake'])
    // A file of another user in the directory is ignored.
    chownSync(file, 0, 0)
    expect(readDirectories(namedDirectory(directory))).toEqual([])
  })

  test('root removes the file of an ended vnet from its own directory, and nothing from another user’s', () => {
    // Where another user may replace the directory by a link, the path may lead to root's own.
    const pidns = ownNamespace('pid')
    const file = join(directory, '1-a.json')
    writeFileSync(file, JSON.stringify({ pid: 1, startTime: '0', pidns, netns: 1, interfaces: [] }))
    chownSync(file, NOBODY, NOBODY)
    chownSync(directory, NOBODY, NOBODY)
    expect(readDirectories([{ path: directory, uid: NOBODY }])).toEqual([])
    expect(readdirSync(directory)).toEqual(['1-a.json'])
    chownSync(file, 0, 0)
    chownSync(directory, 0, 0)
    expect(readDirectories([{ path: directory, uid: 0 }])).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  })

  test('a directory that another user owns or can write is not used, and the reason is logged', async () => {
    chmodSync(directory, 0o777)
    expect(namedDirectory(directory)).toEqual([])
    expect(() => makeRunDirectory([directory])).toThrow(`others may write ${directory}`)
    chmodSync(directory, 0o755)
    chownSync(directory, NOBODY, NOBODY)
    const memory = memoryNet()
    serveControl(native, memory.net, { directory })[Symbol.dispose]()
    expect(memory.lines).toEqual([
      expect.stringContaining(`${directory} belongs to user ${NOBODY}`),
    ])
  })

  test('root sees which users have vnets by directories that belong to those users', () => {
    // Unused uids, which no other run of the test uses at the same time.
    const USER = 1_000_000 + 2 * process.pid
    const own = `/tmp/vnet-${USER}`
    const others = `/tmp/vnet-${USER + 1}`
    ends.push({
      [Symbol.dispose]: () =>
        [own, others].forEach(path => void rmSync(path, { recursive: true, force: true })),
    })
    for (const path of [own, others]) {
      mkdirSync(path, { mode: 0o700 })
      chownSync(path, USER, USER)
      writeFileSync(`${path}/page-secret`, '')
    }
    expect(otherUsers(), 'what a vnet with a page left there').not.toContain(USER)
    for (const path of [own, others]) {
      writeFileSync(`${path}/7-a.json`, '{}')
    }
    expect(otherUsers()).toContain(USER)
    expect(otherUsers()).not.toContain(USER + 1)
    expect(trustedDirectories().map(({ uid }) => uid)).not.toContain(USER)
    expect(trustedDirectories(USER)).toEqual([{ path: own, uid: USER }])
  })
})

describe('rights', () => {
  test('root may make changes, and other users are refused', async () => {
    const vnet = await serve()
    expect(await ask([], vnet, reset)).toEqual([{ error: 0 }])
    expect(await ask(asUser(4242), vnet, reset)).toEqual([
      refused('only root may do this: you are user 4242'),
    ])
  })

  test('root without CAP_NET_ADMIN, as in a container, changes nothing', async () => {
    const vnet = await serve()
    const without = ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin']
    expect(await ask(without, vnet, reset)).toEqual([refused('you do not have it')])
    expect(await ask(['setpriv', '--inh-caps=-all', '--bounding-set=-all'], vnet, reset)).toEqual([
      refused('you do not have it'),
    ])
  })

  test('root of another user namespace, with all capabilities there, changes nothing', async () => {
    const vnet = await serve()
    // First root makes it, then a user who is not root outside.
    expect(await ask(['unshare', '-Ur'], vnet, reset)).toEqual([
      refused('you are in another user namespace'),
    ])
    expect(await ask([...asUser(4242), 'unshare', '-Ur'], vnet, reset)).toEqual([
      refused('you are user 4242'),
    ])
  })

  test('root in a nested pid namespace may make changes', async () => {
    const vnet = await serve()
    const inner = ['unshare', '--pid', '--fork', '--mount-proc']
    expect(await ask(inner, vnet, reset)).toEqual([{ error: 0 }])
  })

  test('root’s connection as another user has that user’s rights', async () => {
    const vnet = await serve()
    const answers: number[] = []
    for (const as of [{ uid: NOBODY, gid: NOBODY }, undefined]) {
      await new Promise<void>((resolve, reject) => {
        const onMessage = (bytes: Uint8Array, at: number) => {
          answers.push(new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(16, true))
          resolve()
        }
        const connection = Connection.connect(native, vnet, { onMessage, onEnd: reject }, as)
        if (typeof connection === 'number') throw new Error(`no connection: ${connection}`)
        ends.push({ [Symbol.dispose]: () => connection.close() })
        connection.send(message(RESET_STATS, NLM_F_ACK, b => b.string(2, 'one')))
      })
    }
    expect(answers).toEqual([-1, 0])
  })
})

describe('memory of other processes', () => {
  test('an ioctl accesses no memory of a process: its data is in the messages, which cannot name one', async () => {
    const vnet = await serve()
    expect(await ask(asUser(4242), vnet, 'IOCTL=one,0,07')).toEqual([{ result: 0, data: '08' }])
    const ifreq = Buffer.alloc(40)
    ifreq.write('one')
    ifreq.writeBigUInt64LE(0x7fff_0000_0000n, 16)
    // No attribute names a process.
    const pid = Buffer.from(Uint32Array.of(process.pid).buffer).toString('hex')
    const named = `9:2=${Buffer.from('one').toString('hex')}:23=f0890000:24=${ifreq.toString('hex')}`
    expect(await ask([], vnet, `${named}:25=${pid}`, named)).toMatchObject([
      { error: -22, text: 'unknown attribute type 25' },
      // Without data the vnet reads nothing: -EFAULT.
      { error: 0, 27: 'f2ffffff' },
    ])
  })
})

describe('misbehaving clients', () => {
  const dump = message(GET_STATS, NLM_F_DUMP, b => b.u32(6, 1))

  test('90 connections that do not read their dumps delay no other user', async () => {
    const vnet = await serve()
    for (let n = 0; n < 90; n++) {
      const deaf = await connected(vnet, NOBODY)
      deaf.pause()
      for (let i = 0; i < 20; i++) {
        deaf.send(dump)
      }
    }
    const client = asking()
    const [device] = await client.devices(vnet)
    expect((await client.stats(vnet, device!))?.queues).toHaveLength(256)
    // The clients of another user are not delayed either.
    expect(await ask(asUser(4242), vnet, `${ECHO}:1=41`)).toEqual([{ 1: '4100', error: 0 }])
  })

  test('connections are limited to 64 per user and 192 in all, and root still has room', async () => {
    const vnet = await serve()
    for (const uid of [4242, 4243, 4244]) {
      for (let n = 0; n < 70; n++) {
        await connected(vnet, uid)
      }
    }
    const answers = await Promise.all([
      ask(asUser(4242), vnet, `${ECHO}:1=41`),
      ask(asUser(4245), vnet, `${ECHO}:1=41`),
    ])
    // Refused connections get the message EBUSY.
    expect(answers.flat()).toMatchObject([{ error: -16 }, { error: -16 }])
    for (let n = 0; n < 20; n++) {
      expect((await asking().devices(vnet)).length).toBe(1)
    }
  })

  test('a stopped vnet delays no request to another, and is reported on one line of the list', async () => {
    const [vnet, stopped] = [await serve(), join(directory, '1-0.sock')]
    const child = spawn(
      'python3',
      [
        '-c',
        `import socket,sys,time\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\nprint(1,flush=True)\ntime.sleep(60)`,
        stopped,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    child.kill('SIGSTOP')
    ends.push({ [Symbol.dispose]: () => child.kill('SIGKILL') })
    const entry = {
      pid: child.pid,
      startTime: startTime(child.pid!),
      pidns: ownNamespace('pid'),
      netns: ownNamespace('net'),
    }
    const interfaces = [{ name: 'stuck', ifindex: 9, inode: entry.netns }]
    writeFileSync(stopped.replace('sock', 'json'), JSON.stringify({ ...entry, interfaces }))
    const client = asking()
    // A vnet is not queried for an interface of another one.
    const isWanted = ({ name }: { name: string }) => name === 'one'
    expect(await findVnets(client, { directory, isWanted })).toMatchObject({
      devices: [{ name: 'one', vnet }],
      failed: [],
    })
    const { devices, failed } = await findVnets(asking({ timeoutMs: 1000 }), { directory })
    expect(devices.map(({ name }) => name)).toEqual(['one'])
    expect(failed.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^GET_DEVICES vnet \d+ \(stuck\): ETIMEDOUT, .*; it has not replied for 1 s$/,
      ),
    ])
  })
})
