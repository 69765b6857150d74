/**
 * A lab kills its own programs and no others: strangers cannot have it kill theirs, and a program
 * cannot hide.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLab } from '../../../src/testing/index.ts'
import { removeLeftovers } from '../../../src/testing/lab/leftovers.ts'
import { isAlive } from '../../../src/testing/lab/processes.ts'

let directory: string
const before = process.env.TMPDIR

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-programs-'))
  process.env.TMPDIR = directory
})
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  rmSync(directory, { recursive: true })
})

/** Makes what a lab leaves that was killed. Returns its name. */
function leftover(): string {
  const { pid } = spawnSync('true')
  const name = `vnet-lab-${statSync('/proc/self/ns/pid').ino}-${pid}-abcdef`
  mkdirSync(join(directory, name, 'client'), { recursive: true })
  chmodSync(join(directory, name), 0o700)
  return name
}

/**
 * Starts a process in a mount namespace of its own, in which `script` mounts something. It prints
 * what it reads.
 */
async function bystander(script: string): Promise<ChildProcess> {
  const words = ['-m', 'sh', '-ec', `${script}\nexec cat`]
  const child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8')
  expect(await answer(child)).toBe('there')
  return child
}

/** Returns 'there' once the process has printed what it was sent, or 'ended' if it ended. */
function answer(child: ChildProcess): Promise<string> {
  child.stdin!.on('error', () => {})
  child.stdin!.write('there')
  return Promise.race([once(child.stdout!, 'data').then(String), once(child, 'exit').then(() => 'ended')])
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** What a user may mount, seen by every process of the machine; NAME is that of the directory. */
const FORGERIES = {
  'a mount point with the name of a lab': 'mkdir -p $D/home/NAME/x; mount -t tmpfs none $D/home/NAME/x',
  'a file of /etc whose path ends as that of a lab':
    'mkdir -p $D/home/NAME/client; touch $D/home/NAME/client/hosts; mount --bind $D/home/NAME/client/hosts /etc/hosts',
  'the path of a lab on another file system': `
    mkdir $D/other; mount -t tmpfs none $D/other; root=$(stat -c %m $D); path=\${D#"\${root%/}"}
    own=$D/other/$path/NAME/client; mkdir -p $own; touch $own/hosts; mount --bind $own/hosts /etc/hosts`,
  'a file of the lab outside of /etc': `
    touch $D/NAME/client/hosts $D/file; mount --bind $D/NAME/client/hosts $D/file`,
}

test.each(Object.entries(FORGERIES))('%s does not make a process a program of the lab', async (_, script) => {
  const name = leftover()
  const child = await bystander(`D=${directory}\n${script.replaceAll('NAME', name)}`)
  try {
    removeLeftovers()
    expect(existsSync(join(directory, name))).toBe(false)
    expect(await answer(child)).toBe('there')
  } finally {
    await end(child)
  }
})

test('a process that sees the hosts file of a lab as /etc/hosts is killed with what the lab left', async () => {
  const name = leftover()
  const file = join(directory, name, 'client', 'hosts')
  const child = await bystander(`touch ${file}; mount --bind ${file} /etc/hosts`)
  try {
    removeLeftovers()
    await expect.poll(() => child.signalCode).toBe('SIGKILL')
  } finally {
    await end(child)
  }
})

test("the children of a program that itself enters the machine's namespaces end with the lab", async () => {
  await using lab = await createLab()
  const [host] = lab.namespaces('host')
  const ns = `/proc/${process.pid}/ns`
  const script = 'sleep 1000 >/dev/null 2>&1 & echo $!; wait'
  const child = host.spawn('nsenter', [`--net=${ns}/net`, `--mount=${ns}/mnt`, 'sh', '-c', script])
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  await lab.close()
  await expect.poll(() => isAlive(Number(line))).toBe(false)
})

test.each([
  ['a network namespace of its own', 'setsid unshare -n sleep 1000 & echo $!'],
  ['network and mount namespaces of its own', 'setsid unshare -nm sleep 1000 & echo $!'],
  ['another root directory', 'setsid chroot / sleep 1000 & echo $!'],
  [
    'the namespaces of the machine while its parent runs',
    `
    setsid nsenter --net=$NET --mount=$MNT sleep 1000 & echo $!; exec sleep 1000`,
  ],
])('a program that enters %s ends with the lab', async (_, script) => {
  await using lab = await createLab()
  const [host] = lab.namespaces('host')
  const env = { ...process.env, NET: `/proc/${process.pid}/ns/net`, MNT: `/proc/${process.pid}/ns/mnt` }
  const child = host.spawn('sh', ['-c', script.replaceAll('1000 &', '1000 >/dev/null 2>&1 &')], { env })
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  const pid = Number(line)
  expect(isAlive(pid)).toBe(true)
  await lab.close()
  await expect.poll(() => isAlive(pid)).toBe(false)
})
