/** Explore with the world of a guest: branches of a run before each packet of a program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { faultsIn } from '../../../lab/test/support/fault-worlds.ts'
import { vnet } from '../support/guest-runs.ts'

const cwd = freshDirectory()
/** On a busy machine, a guest takes its time. */
const LIMIT = { timeout: 600_000 }

const LAB = `
hosts: [client, server]
cables:
  link: { ends: [client, server], wire: delay 5ms }
run:
  server: { command: /usr/bin/python3 -u server.py, ready: ready }
`

/** Replies to a repeated request with the next number, except if the request has an id. */
const SERVER = `
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('0.0.0.0', 5000))
print('ready')
answered = 0
while True:
    question, client = server.recvfrom(100)
    number = answered if question == b'next' else int(question)
    answered += 1
    server.sendto(b'answer %d' % number, client)
`

const CLIENT = `
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
mended = 'mended' in sys.argv
def ask(n):
    for _ in range(3):
        client.sendto(b'%d' % n if mended else b'next', ('server', 5000))
        try:
            while True:
                reply = client.recv(100).decode()
                if not mended or reply == 'answer %d' % n:
                    return reply
        except TimeoutError:
            pass
answer = ask(0)
print(answer)
sys.exit(answer != 'answer 0')
`

const REPLY = 'drop client-server ba udp server:5000 > client:* packet 1'

const explore = (options: readonly string[], ...words: readonly string[]) => {
  for (const [name, text] of Object.entries({
    'net.yaml': LAB,
    'server.py': SERVER,
    'client.py': CLIENT,
  })) {
    writeFileSync(join(cwd, name), text)
  }
  const command = ['/usr/bin/python3', 'client.py', ...words]
  return vnet(['explore', 'net.yaml', '--world', 'guest', ...options, '--', ...command], { cwd })
}

test(
  'a lost reply shows the bug of a program, with its capture, and the printed command repeats it',
  LIMIT,
  async () => {
    const end = await explore([
      '--faults',
      'drop',
      '--filter',
      'udp src port 5000',
      '--captures',
      'captures',
    ])
    expect([end.status, end.stdout]).toEqual([
      1,
      expect.stringContaining(`FAILED in 2 of 2 runs, in a guest: ${REPLY}\n`),
    ])
    expect(end.stdout).toContain('1 clean run passed')
    expect(end.stdout).toContain('printed by the run:\n  server: ready\n  answer 1\n')
    expect(end.stdout).toMatch(/client-server ba: drop "udp src port 5000" nth 1\n/)
    expect(end.stdout).toMatch(/captured in \S+\.pcapng\n/)
    const [, again] =
      /^ {2}vnet explore net.yaml --repeat '(.*)' --timeout \d+ms --world guest -- /m.exec(
        end.stdout,
      ) ?? []
    expect(again).toBe(REPLY)
    const repeated = await explore(['--repeat', REPLY])
    expect([repeated.status, repeated.stderr]).toEqual([
      1,
      expect.stringContaining('the command ended with 1'),
    ])
  },
)

test(
  'a program that survives each lost, doubled and late packet passes, in the time of the guest',
  LIMIT,
  async () => {
    const end = await explore(['--faults', 'drop,duplicate,delay'], 'mended')
    expect([end.status, end.stdout]).toEqual([0, expect.stringContaining('6 points: ')])
    // The client repeats its question after a second.
    expect(end.stdout.match(/^x[\d.]+: 1\d{3}\.\d ms, [\d.]+ ms without: drop /gm)?.length).toBe(2)
    expect(end.stdout).not.toContain('missed')
  },
)

test(
  'a scenario of JavaScript runs in the guest, and a pair of faults is a branch of its own',
  LIMIT,
  async () => {
    const scenario = `
export const options = { pairs: true, faults: ['drop'] }
export default async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const socket = await server.createSocket('udp4', 5000)
  const got = new Set()
  socket.on('message', message => got.add(String(message)))
  const sender = await client.createSocket('udp4')
  for (const each of ['a', 'b']) await new Promise(sent => sender.send(each, 5000, 'server', sent))
  await client.exec('sleep', ['5'])
  if (got.size === 0) throw new Error('nothing has arrived')
}
`
    writeFileSync(join(cwd, 'scenario.mjs'), scenario)
    const end = await vnet(['explore', 'scenario.mjs', '--world', 'guest', '--no-captures'], {
      cwd,
    })
    expect([end.status, end.stdout]).toEqual([
      1,
      expect.stringContaining('1 pairs of faults: 1 failed, 0 skipped'),
    ])
    expect(end.stdout).toContain('Error: nothing has arrived')
    expect(end.stdout).toContain('{ timeout: ')
    expect(end.stdout).toContain("world: 'guest' }")
  },
)

/** Replies with the jump of its clock in seconds, and whether its disk is full. */
const HOST = `
import os, socket, time
server = socket.create_server(('', 5000))
begin = time.time() - time.monotonic()
print('ready')
while True:
    client, _ = server.accept()
    client.recv(100)
    jump = round(time.time() - time.monotonic() - begin)
    try:
        with open(os.environ.get('VNET_DISK', '.') + '/log', 'a') as log:
            log.write('x' * 5000)
        full = 0
    except OSError:
        full = 1
    client.send(b'%d %d' % (jump, full))
`
/** Its exit code is: 0 for nothing, 11 a clock that jumped, 12 a full disk, 13 no reply. */
const ASK = `
import socket, sys
client = socket.socket()
client.connect(('server', 5000))
client.settimeout(1)
client.send(b'?')
try:
    jump, full = client.recv(100).split()
except OSError:
    sys.exit(13)
sys.exit(11 if jump != b'0' else 12 if full != b'0' else 0)
`
const NAT = 'routers:\n  nat: { inside: [inside], outside: client, nat: restricted }\n'
const QUESTION = 'client-server ab tcp client:* > server:5000 seq 1'
const SEEN = {
  'silence 3s on server': 13,
  'mute 3s on server': 13,
  'deaf 3s on server': 13,
  'pause 3s on server': 13,
  'crash on server': 13,
  'restart 3s on server': 13,
  'forget on server': 13,
  'clock +1h on server': 11,
  'full 3s on server': 12,
  rebind: 0,
  repair: 0,
}

test(
  'each fault of links and hosts that the table has for a guest happens there',
  LIMIT,
  async () => {
    const files = {
      'host.yaml': LAB.replace('server.py', 'host.py').replace(']', ', inside]') + NAT,
      'host.py': HOST,
      'ask.py': ASK,
    }
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(cwd, name), text)
    }
    const verbs = Object.keys(SEEN).map(fault => fault.split(' ')[0])
    expect(faultsIn('guest')).toEqual(verbs.map(verb => [verb, 'yes']))
    for (const [fault, seen] of Object.entries(SEEN)) {
      const repeat = [
        'explore',
        'host.yaml',
        '--world',
        'guest',
        '--repeat',
        `${fault} ${QUESTION}`,
      ]
      const { stdout, stderr } = await vnet([...repeat, '--', '/usr/bin/python3', 'ask.py'], {
        cwd,
      })
      const ending = seen === 0 ? 'passed\n' : `vnet: the command ended with ${seen}\n`
      expect([fault, stdout + stderr]).toEqual([fault, expect.stringContaining(ending)])
    }
  },
)
