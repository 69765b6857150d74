/** Labs in virtual time: the network of a file, and the real kernel's timers. */
import { spawn } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { complaints, digestOf, vnet } from '../support/guest-runs.ts'

const cwd = freshDirectory()

const LAB = `
hosts: [client, server]
cables:
  client-server:
    ends: [client, server]
    wire: delay 20ms loss 5%
`

const KEEPALIVE = `
import socket, time
server = socket.create_server(('127.0.0.1', 8080))
client = socket.create_connection(('127.0.0.1', 8080))
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
peer, _ = server.accept()
import subprocess
subprocess.run('nft add table ip t; nft add chain ip t o "{ type filter hook output priority 0; }"; '
               'nft add rule ip t o tcp dport 8080 drop', shell=True, check=True)
start = time.monotonic()
try:
    client.recv(1)
except TimeoutError:
    print('dead after', round((time.monotonic() - start) / 600) * 10, 'min')
`

async function inLab(command: readonly string[], ...options: readonly string[]) {
  writeFileSync(join(cwd, 'net.yaml'), LAB)
  return await vnet(['lab', 'net.yaml', '--time', 'virtual', ...options, '--', ...command], { cwd })
}

test('a lab has its delay and its losses, and another run and a busy machine change no byte', async () => {
  const first = await inLab(['ping', '-q', '-c', '100', 'server'])
  expect([first.status, complaints(first)]).toEqual([0, []])
  expect(first.stdout).toMatch(/100 packets transmitted, (8|9)\d received/)
  expect(first.stdout).toMatch(/rtt min\/avg\/max\/mdev = 40\.\d+\//)
  const busy = spawn('sh', ['-c', 'while :; do :; done'])
  const again = await inLab(['ping', '-q', '-c', '100', 'server'])
  busy.kill()
  expect(again.stdout).toBe(first.stdout)
  expect(digestOf(again)).toBe(digestOf(first))
})

test('another seed loses other packets', async () => {
  const lossOf = async (seed: string) =>
    (await inLab(['ping', '-c', '60', 'server'], '--seed', seed)).stdout.match(/icmp_seq=\d+/g)
  expect(await lossOf('2')).not.toEqual(await lossOf('3'))
})

test('a keepalive of two hours finds a dead peer', async () => {
  writeFileSync(join(cwd, 'keepalive.py'), KEEPALIVE)
  const end = await vnet(['guest', '--', 'python3', 'keepalive.py'], { cwd })
  expect([end.status, end.stdout, complaints(end)]).toEqual([0, 'dead after 130 min\n', []])
})

test('an address that does not reply fails a connection after all repeats of its SYN', async () => {
  const script = `
import socket, time, subprocess
subprocess.run('ip link add d0 type dummy && ip addr add 192.0.2.1/24 dev d0 && ip link set d0 up arp off', shell=True, check=True)
start = time.monotonic()
try:
    socket.create_connection(('192.0.2.2', 80))
except TimeoutError:
    print('failed after', round(time.monotonic() - start), 's')
`
  writeFileSync(join(cwd, 'syn.py'), script)
  const end = await vnet(['guest', '--', 'python3', 'syn.py'], { cwd })
  expect([end.status, end.stdout, complaints(end)]).toEqual([0, 'failed after 131 s\n', []])
})

test('--repeat finds the seeds with which a race of timers fails, and each fails again', {
  timeout: 300_000,
}, async () => {
  cpSync(fileURLToPath(new URL('scenes/lock.py', import.meta.url)), join(cwd, 'lock.py'))
  // A long request makes the race likely.
  const command = ['--', './lock.py', '0.1']
  const seeds = ['1', '2', '3', '4', '5', '6']
  const end = await vnet(['guest', '--repeat', '6', ...command], { cwd })
  const [, failed = ''] = /runs failed, in \d+ s: ([\d, ]+);/.exec(end.stderr) ?? []
  expect([end.status, failed]).toEqual([1, expect.stringMatching(/\d/)])
  expect(end.stdout).toMatch(/ (one|two): the lock belongs to (one|two)\n$/)
  const again = await Promise.all(
    seeds.map(seed => vnet(['guest', '--seed', seed, ...command], { cwd })),
  )
  expect(again.map(({ status }) => status)).toEqual(
    seeds.map(seed => (failed.split(', ').includes(seed) ? 1 : 0)),
  )
})
