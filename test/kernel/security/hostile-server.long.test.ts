/**
 * Every command that queries running vnets, against a fake vnet: it ends in bounded time and
 * memory, with its status and one line. test/fuzz/hostile-server.slow.test.ts sends what all of
 * them send.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { Chance } from '#support/fuzz-netlink.ts'
import { BEHAVIOURS, type Behaviour, hostileServer } from '#support/hostile-server.ts'
import { SEED } from '#support/scale.ts'
import { PROGRAM } from '#support/vnet-process.ts'

/** Far more than the five seconds that a command waits for a reply. */
const HANG_MS = 40_000
/** MiB of JavaScript objects. Node ends a process that needs more. */
const MEMORY = 512
const AT_ONCE = 2
/** What these send a command may print. Each other behaviour meets one of three parts of them. */
const MEET_ALL: readonly Behaviour[] = ['bent', 'hostile names']
const PARTS = 3

const COMMANDS = [
  'list',
  'list --json',
  'list --names',
  'show hostile0',
  'stats',
  'stats --queues hostile0',
  'reset hostile0',
  'echo hello',
  'ioctl hostile0 1 0102',
  'carrier hostile0 off',
  'param hostile0',
  'param hostile0 lockup=3',
  'trigger hostile0 lockup',
  'events',
  'lan show hostile0',
]

const { netns, directory } = freshNamespaces('netns')

/**
 * Announces this process as a vnet that has `hostile0` in the test's namespace. Returns the path of
 * its socket.
 */
function announce(): string {
  const path = join(directory, 'vnet')
  mkdirSync(path, { mode: 0o700 })
  const name = join(path, `${process.pid}-0123456789ab`)
  const stat = readFileSync('/proc/self/stat', 'latin1')
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const inode = statSync(`/run/netns/${netns.name}`).ino
  const pidns = statSync('/proc/self/ns/pid').ino
  const interfaces = [{ name: 'hostile0', ifindex: 2, inode }]
  writeFileSync(
    `${name}.json`,
    JSON.stringify({ pid: process.pid, startTime, pidns, netns: inode, interfaces }),
  )
  return `${name}.sock`
}

/** Runs a command to its end. Sends SIGTERM to `events`, which has no end of its own. */
function run(
  command: string,
): Promise<{ status: number | string; stdout: string; stderr: string }> {
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: directory,
    NODE_OPTIONS: `--max-old-space-size=${MEMORY}`,
  }
  const words = [`--net=/run/netns/${netns.name}`, process.execPath, PROGRAM, ...command.split(' ')]
  const child = spawn('nsenter', words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', more => {
      text[stream] += more
    })
  }
  let hangs = false
  const asked = command === 'events' ? setTimeout(() => child.kill('SIGTERM'), 2000) : undefined
  const hang = setTimeout(() => {
    hangs = true
    child.kill('SIGKILL')
  }, HANG_MS)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      clearTimeout(asked)
      clearTimeout(hang)
      resolve({ status: hangs ? 'hang' : (signal ?? (code as number)), ...text })
    })
  })
}

test('every command ends with its status and a line or two, whatever the server sends', async () => {
  const path = announce()
  let behaviour: Behaviour = 'bent'
  const server = await hostileServer(path, new Chance(SEED + 1), () => behaviour)
  const found: string[] = []
  for (const [i, each] of BEHAVIOURS.entries()) {
    behaviour = each
    const commands = COMMANDS.filter((_, n) => MEET_ALL.includes(each) || n % PARTS === i % PARTS)
    const next = async () => {
      for (let command = commands.pop(); command !== undefined; command = commands.pop()) {
        const { status, stdout, stderr } = await run(command)
        const lines = stderr.split('\n').slice(0, -1)
        // The signal arrived before the command listened for it.
        if ((status === 'SIGTERM' || status === 143) && command === 'events') continue
        const isFine =
          (status === 0 || status === 1 || status === 2) &&
          lines.length <= 2 &&
          lines.every(
            line =>
              /^(vnet: |\{"event":"error",)/.test(line) &&
              !/(Type|Range|Reference)Error/.test(line),
          ) &&
          (status === 0 || lines.length > 0) &&
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
          !/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(stdout + stderr)
        if (!isFine) {
          found.push(
            `${each}, ${command}: ${status}, ${stdout.length} bytes\n${stderr.slice(0, 1000)}`,
          )
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, next))
  }
  expect(found.join('\n'), `seed ${SEED}`).toBe('')
  server.close()
})
