/** Output onto a full disk: one line, and status 1. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PROGRAM, spawnVnet, startVnet } from '#support/vnet-process.ts'

const { near, directory } = freshQuietNamespaces('near')
const LOST = 'vnet: standard output: no space left on device\n'

/** Runs `vnet ARGS` in the namespace with /dev/full as an output, by default the standard one. */
function full(args: string, output = '>') {
  const script = join(directory, output === '>' ? 'out' : 'err')
  // A program that starts at the same time may read it.
  if (!existsSync(script)) {
    writeFileSync(script, `exec "$@" ${output} /dev/full\n`)
  }
  return near.run(`sh ${script} ${process.execPath} ${PROGRAM} ${args}`.trimEnd())
}

test('every command that prints reports output that a full disk does not take', async () => {
  const trace = join(directory, 'trace.pcap')
  writeFileSync(trace, Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'))
  await spawnVnet(['snull', '--no-address'], { within: ['ip', 'netns', 'exec', near.name] })
  const commands = [
    '--help',
    '--version',
    'help --all',
    'snull --help',
    'completion bash',
    'list',
    'list --json',
    'stats sn0',
    'stats sn0 --json',
    'show sn0',
    'wire sn0',
    'wire sn0 --json',
    'param sn0',
    'learn',
    `simulate ${trace} --wire partition`,
    'stats sn0 --watch 1s',
  ]
  // At the same time: one after the other, they take longer than a program may run.
  const ends = await Promise.all(commands.map(command => full(command)))
  for (const [i, { status, stderr }] of ends.entries()) {
    // Tests that run at the same time have vnets of other users.
    const lines = stderr.replace(/^vnet: user \d+ has vnets too: .*\n/gm, '')
    expect([commands[i], status, lines]).toEqual([commands[i], 1, LOST])
  }
  const { status, stderr } = await full('capture sn0 - --duration 1s')
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining('standard output: no space left on device'),
  ])
})

test('a disk with room for a part of a text is a full one, and ends --log after a whole line', async () => {
  const disk = join(directory, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', disk])
  try {
    const script = join(directory, 'script')
    writeFileSync(script, `exec "$@" > ${disk}/help`)
    const { status, stderr } = await near.run(
      `sh ${script} ${process.execPath} ${PROGRAM} help --all`,
    )
    expect([status, stderr]).toEqual([1, LOST])
    rmSync(join(disk, 'help'))
    const log = join(disk, 'log')
    const vnet = await startVnet([
      'snull',
      '--netns',
      near.name,
      '--wire',
      'loss 0%',
      '--quiet',
      '--log',
      log,
    ])
    await near.run('ping -c 30 -i 0.01 198.18.0.2')
    const line = `vnet: log: ${log}: no space left on device; the log ends here`
    await vnet.line(/^vnet: log: /)
    expect(await vnet.stop()).toMatchObject({ status: 1, stderr: `${line}\n` })
    const lines = readFileSync(log, 'utf8').split('\n')
    expect(lines.pop()).toBe('')
    for (const each of lines) {
      JSON.parse(each)
    }
    expect(lines.length).toBeGreaterThan(3)
  } finally {
    execFileSync('umount', ['-l', disk])
  }
})

test.each(['', '--json', '-v'])(
  'a vnet whose lines a full disk does not take ends with status 1 (%s)',
  async option => {
    const { status, stderr } = await full(`snull --no-address --for 100ms ${option}`)
    expect([status, stderr]).toEqual([1, expect.stringContaining(LOST)])
    expect((await full(`snull --no-address --for 100ms ${option}`, '2>')).status).toBe(
      option === '--json' ? 0 : 1,
    )
  },
)
